-- Add an area, or give one of the same name its new geometry and sources; returns a row if that
-- changed anything, with whether its ground did.
with before as (
    select geometry, sources from tulip.area where name = %(name)s
)
insert into tulip.area as kept (name, geometry, sources)
values (%(name)s, st_geomfromewkb(%(geometry)s), %(sources)s::text[])
on conflict (name) do update
set geometry = excluded.geometry, sources = excluded.sources
where kept.geometry is distinct from excluded.geometry
    or kept.sources is distinct from excluded.sources
returning (select before.geometry from before) is distinct from kept.geometry
