-- Which season detections the outlines of fields were drawn from.
select l.field_id, l.season, l.season_detection_id
from unnest(%(field_ids)s::bigint[], %(seasons)s::integer[]) as o (field_id, season)
join tulip.outline_source l using (field_id, season)
order by l.field_id, l.season, l.season_detection_id
