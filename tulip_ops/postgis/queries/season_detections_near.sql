-- The season detections whose bounds meet those of any of the outlines.
select distinct on (d.tile, d.season_detection_id)
    d.season_detection_id, d.tile, d.geometry, d.area_m2, d.tulip_probability, d.touches_edge
from unnest(%(outlines)s::geometry[]) as around (outline)
join tulip.season_detection d on d.geometry && around.outline
where d.season = %(year)s and d.simulated = %(simulated)s
order by d.tile, d.season_detection_id
