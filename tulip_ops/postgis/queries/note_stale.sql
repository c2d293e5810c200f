-- Let the seasons of fields be summed up again.
insert into tulip.stale (field_id, season)
select * from unnest(%(field_ids)s::bigint[], %(seasons)s::integer[])
