-- What counts of a season's detections whose bounds meet those of any of the outlines.
with near as (
    select distinct d.detection_id
    from unnest(%(outlines)s::geometry[]) as around (outline)
    join tulip.detection d on d.geometry && around.outline
)
select
    d.detection_id, d.acquisition_id, d.ordinal, d.geometry, d.area_m2,
    d.tulip_probability, d.tulip_probability_std, d.bloom_fraction, d.clear_fraction,
    d.border_clear_fraction
from near
join tulip.detection d using (detection_id)
join tulip.acquisition a using (acquisition_id)
where a.season = %(year)s and a.simulated = %(simulated)s and a.superseded_by is null
order by d.acquisition_id, d.ordinal
