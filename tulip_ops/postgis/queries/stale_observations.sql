-- What each overpass of a season says of fields, by field and time. Of several datastrips or
-- processings of one overpass, the newest that saw the field speaks.
select
    field_id, season, acquisition_id, verdict, clear_fraction, tulip_probability, bloom_fraction
from (
    select distinct on (o.field_id, a.season, a.platform, a.tile, a.day) o.*, a.sensed_at
    from unnest(%(field_ids)s::bigint[], %(seasons)s::integer[]) as wanted (field_id, season)
    join tulip.observation o on o.field_id = wanted.field_id and o.season = wanted.season
    join tulip.acquisition a using (acquisition_id)
    where a.superseded_by is null
    order by
        o.field_id, a.season, a.platform, a.tile, a.day, o.verdict = 'not_seen', a.level desc,
        coalesce(a.baseline, '') collate "C" desc, a.sequence desc
) as said
order by field_id, season, sensed_at, acquisition_id
