-- Note which detections are which field.
insert into tulip.field_detection (field_id, detection_id)
select * from unnest(%(field_ids)s::bigint[], %(detection_ids)s::bigint[])
on conflict do nothing
