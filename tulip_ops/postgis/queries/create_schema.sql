-- The schema, unless it is there; from here on as its owner.
do $$
begin
    if not exists (select from pg_namespace where nspname = 'tulip') then
        create schema tulip authorization tulip_owner;
        comment on schema tulip is 'Which tulip fields bloomed in which season, as Sentinel-2 saw it.';
    end if;
    set local role tulip_owner;
end
$$
