-- Forget the links of outlines and season detections that are gone, and keep those that are there.
with gone as (
    delete from tulip.outline_source l
    using unnest(
        %(gone_field_ids)s::bigint[], %(gone_seasons)s::integer[], %(gone_detection_ids)s::bigint[]
    ) as g (field_id, season, season_detection_id)
    where (l.field_id, l.season, l.season_detection_id)
        = (g.field_id, g.season, g.season_detection_id)
)
insert into tulip.outline_source (field_id, season, season_detection_id)
select * from unnest(
    %(field_ids)s::bigint[], %(seasons)s::integer[], %(detection_ids)s::bigint[]
)
on conflict do nothing
