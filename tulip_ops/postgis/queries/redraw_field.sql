-- Give a field another outline; no row is touched if it is the same.
update tulip.field
set geometry = st_geomfromewkb(%(geometry)s), area_m2 = %(area_m2)s
where field_id = %(field_id)s
    and (geometry is distinct from st_geomfromewkb(%(geometry)s) or area_m2 <> %(area_m2)s)
