-- The acquisitions of a tile and season whose detections count, inside the bloom window.
select acquisition_id, sensed_at, detections_sha256
from tulip.acquisition
where season = %(season)s
    and simulated = %(simulated)s
    and tile = %(tile)s
    and superseded_by is null
    and detections_sha256 is not null
    and to_char(day, 'MM-DD') between %(first)s and %(last)s
order by acquisition_id
