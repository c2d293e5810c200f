-- PostGIS, unless it is there.
do $$
begin
    if not exists (select from pg_extension where extname = 'postgis') then
        create extension postgis;
    end if;
end
$$
