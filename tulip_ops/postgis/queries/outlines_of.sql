-- Outlines of a season that were drawn from any of these detections or parcels, or from detections
-- that are gone or no longer count, near the ground that changed.
with near as (
    select distinct o.field_id
    from unnest(%(outlines)s::geometry[]) as around (outline)
    join tulip.field_outline o on o.geometry && around.outline and o.season = %(year)s
), drawn as (
    select l.field_id
    from tulip.field_detection l
    join tulip.field_outline o on o.field_id = l.field_id and o.season = %(year)s
    where l.detection_id = any(%(detection_ids)s::bigint[])
    union
    select o.field_id
    from tulip.field_outline o
    where o.season = %(year)s and o.parcel_id = any(%(parcel_ids)s::bigint[])
    union
    select n.field_id
    from near n
    where not exists (
        select from tulip.field_detection l
        join tulip.detection d using (detection_id)
        join tulip.acquisition a using (acquisition_id)
        where l.field_id = n.field_id and a.season = %(year)s and a.superseded_by is null
    )
)
select o.field_id, o.season, o.geometry, o.area_m2, o.parcel_id
from drawn
join tulip.field_outline o on o.field_id = drawn.field_id and o.season = %(year)s
join tulip.field f on f.field_id = o.field_id and f.simulated = %(simulated)s
order by o.field_id
