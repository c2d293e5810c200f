-- The revision of the schema.
select version_num from tulip.alembic_version
