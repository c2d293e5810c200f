-- The fields that detections of a season touch or are linked to, where they count.
with shown as (
    select d.detection_id, d.geometry
    from tulip.acquisition a
    join tulip.detection d using (acquisition_id)
    where a.season = %(year)s and a.simulated = %(simulated)s and a.superseded_by is null
), known as (
    select f.field_id from shown s join tulip.field f on st_intersects(f.geometry, s.geometry)
    union
    select l.field_id from shown s join tulip.field_detection l using (detection_id)
)
select f.field_id, f.geometry, f.area_m2
from tulip.field f
join known using (field_id)
where f.simulated = %(simulated)s
order by f.field_id
