-- What each overpass of a season says of each field, by field and time. Of several datastrips or
-- processings of one overpass, the newest that saw the field speaks.
select
    field_id, acquisition_id, verdict, clear_fraction, tulip_probability, bloom_fraction
from (
    select distinct on (o.field_id, a.platform, a.tile, a.day) o.*, a.sensed_at
    from tulip.observation o
    join tulip.acquisition a using (acquisition_id)
    where a.season = %(year)s and a.simulated = %(simulated)s and a.superseded_by is null
    order by
        o.field_id, a.platform, a.tile, a.day, o.verdict = 'not_seen', a.level desc,
        coalesce(a.baseline, '') collate "C" desc, a.sequence desc
) as said
order by field_id, sensed_at, acquisition_id
