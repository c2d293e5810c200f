-- The season detections of one tile.
select season_detection_id, geometry, area_m2, tulip_probability, touches_edge
from tulip.season_detection
where season = %(season)s and simulated = %(simulated)s and tile = %(tile)s
