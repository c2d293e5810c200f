-- Whether the schema was ever migrated.
select exists (
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'tulip' and c.relname = 'alembic_version'
)
