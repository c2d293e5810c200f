-- Add season detections of one tile.
insert into tulip.season_detection (
    season, simulated, tile, geometry, area_m2, tulip_probability, touches_edge
)
select %(season)s, %(simulated)s, %(tile)s, n.*
from unnest(
    %(geometries)s::geometry[], %(areas)s::double precision[], %(probabilities)s::real[],
    %(edges)s::boolean[]
) as n (geometry, area_m2, tulip_probability, touches_edge)
