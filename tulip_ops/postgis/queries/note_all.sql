-- Let the next history draw the fields of all seasons anew, as if every acquisition had come just now.
insert into tulip.change (season, simulated, tile)
select season, simulated, tile
from tulip.acquisition
where detections_sha256 is not null and superseded_by is null
union
select season, simulated, tile from tulip.season_detection
