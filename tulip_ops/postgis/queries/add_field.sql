-- A new field.
insert into tulip.field (simulated, geometry, area_m2)
values (%(simulated)s, st_geomfromewkb(%(geometry)s), %(area_m2)s)
returning field_id
