-- Give a field the outline of this season, unless an earlier one shows it or it is the same.
update tulip.field f
set geometry = st_geomfromewkb(%(geometry)s), area_m2 = %(area_m2)s
where f.field_id = %(field_id)s
    and (f.geometry is distinct from st_geomfromewkb(%(geometry)s) or f.area_m2 <> %(area_m2)s)
    and not exists (
        select from tulip.field_detection l
        join tulip.detection d using (detection_id)
        join tulip.acquisition a using (acquisition_id)
        where l.field_id = f.field_id and a.season < %(year)s
    )
returning f.field_id
