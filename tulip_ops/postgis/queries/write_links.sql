-- Forget the links of fields and detections that are gone, and keep those that are there.
with gone as (
    delete from tulip.field_detection l
    using unnest(%(gone_field_ids)s::bigint[], %(gone_detection_ids)s::bigint[])
        as g (field_id, detection_id)
    where l.field_id = g.field_id and l.detection_id = g.detection_id
)
insert into tulip.field_detection (field_id, detection_id)
select * from unnest(%(field_ids)s::bigint[], %(detection_ids)s::bigint[])
on conflict do nothing
