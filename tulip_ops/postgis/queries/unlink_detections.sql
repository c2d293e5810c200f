-- Forget the links of a season's detections other than these.
delete from tulip.field_detection l
using tulip.detection d, tulip.acquisition a
where d.detection_id = l.detection_id
    and a.acquisition_id = d.acquisition_id
    and a.season = %(year)s
    and a.simulated = %(simulated)s
    and (l.field_id, l.detection_id) not in (
        select * from unnest(%(field_ids)s::bigint[], %(detection_ids)s::bigint[])
    )
