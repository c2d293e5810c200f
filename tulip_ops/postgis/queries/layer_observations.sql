-- Observations as a layer.
select
    l.field_id, l.acquisition_id, l.day, l.season, l.simulated, l.counts, l.verdict,
    l.clear_fraction, l.tulip_probability, l.bloom_fraction, f.areas[1] as area,
    array_to_string(f.areas, ', ') as areas,
    st_asbinary(l.geometry) as geometry
from tulip.observation_layer l
join tulip.field f using (field_id)
where (%(simulated)s::boolean is null or l.simulated = %(simulated)s)
    and (%(seasons)s::integer[] is null or l.season = any(%(seasons)s))
    and (%(area)s::text is null or %(area)s = any(f.areas))
    and (%(west)s::double precision is null
        or l.geometry && st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326))
order by l.field_id, l.acquisition_id
