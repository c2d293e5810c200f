-- Add an area, or give one of the same name its new geometry; no row is touched if it is equal.
insert into tulip.area as old (name, geometry)
values (%(name)s, st_geomfromewkb(%(geometry)s))
on conflict (name) do update
set geometry = excluded.geometry
where old.geometry is distinct from excluded.geometry
