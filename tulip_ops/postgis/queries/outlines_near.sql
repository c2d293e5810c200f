-- Outlines of fields whose bounds meet those of any of the outlines given.
with near as (
    select distinct o.field_id, o.season
    from unnest(%(outlines)s::geometry[]) as around (outline)
    join tulip.field_outline o on o.geometry && around.outline
)
select
    o.field_id, o.season, o.geometry, o.area_m2, o.parcel_id, o.detected_area_m2,
    o.tulip_probability, o.touches_edge
from near
join tulip.field_outline o using (field_id, season)
join tulip.field f using (field_id)
where f.simulated = %(simulated)s
order by o.season, o.field_id
