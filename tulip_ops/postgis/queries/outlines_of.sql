-- Outlines of a season that were drawn from any of these season detections or parcels, or from season
-- detections that are gone, near the ground that changed.
with near as (
    select distinct o.field_id
    from unnest(%(outlines)s::geometry[]) as around (outline)
    join tulip.field_outline o on o.geometry && around.outline and o.season = %(year)s
), drawn as (
    select l.field_id
    from tulip.outline_source l
    where l.season_detection_id = any(%(detection_ids)s::bigint[]) and l.season = %(year)s
    union
    select o.field_id
    from tulip.field_outline o
    where o.season = %(year)s and o.parcel_id = any(%(parcel_ids)s::bigint[])
    union
    select n.field_id
    from near n
    where not exists (
        select from tulip.outline_source l where l.field_id = n.field_id and l.season = %(year)s
    )
)
select
    o.field_id, o.season, o.geometry, o.area_m2, o.parcel_id, o.detected_area_m2,
    o.tulip_probability, o.touches_edge
from drawn
join tulip.field_outline o on o.field_id = drawn.field_id and o.season = %(year)s
join tulip.field f on f.field_id = o.field_id and f.simulated = %(simulated)s
order by o.field_id
