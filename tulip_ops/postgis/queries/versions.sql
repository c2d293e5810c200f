-- Versions of PostgreSQL and PostGIS.
select
    current_setting('server_version'),
    (select extversion from pg_extension where extname = 'postgis')
