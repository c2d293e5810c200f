-- Which detections the outlines of fields were drawn from.
select l.field_id, a.season, l.detection_id
from unnest(%(field_ids)s::bigint[], %(seasons)s::integer[]) as o (field_id, season)
join tulip.field_detection l on l.field_id = o.field_id
join tulip.detection d using (detection_id)
join tulip.acquisition a on a.acquisition_id = d.acquisition_id and a.season = o.season
order by l.field_id, l.detection_id
