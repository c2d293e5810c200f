-- Forget outlines of fields.
delete from tulip.field_outline o
using unnest(%(field_ids)s::bigint[], %(seasons)s::integer[]) as gone (field_id, season)
where o.field_id = gone.field_id and o.season = gone.season
