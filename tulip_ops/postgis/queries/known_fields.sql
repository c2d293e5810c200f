-- The fields that detections of a season touch or are linked to.
with shown as (
    select d.detection_id, d.geometry
    from tulip.detection d
    join tulip.acquisition a using (acquisition_id)
    where a.season = %(year)s and a.simulated = %(simulated)s
)
select f.field_id, f.geometry, f.area_m2
from tulip.field f
where f.simulated = %(simulated)s
    and (
        exists (select from shown s where st_intersects(s.geometry, f.geometry))
        or exists (
            select from tulip.field_detection l
            join shown s using (detection_id)
            where l.field_id = f.field_id
        )
    )
order by f.field_id
