-- Observations as a layer.
select
    l.field_id, l.acquisition_id, l.day, l.season, l.simulated, l.counts, l.verdict,
    l.clear_fraction, l.tulip_probability, l.bloom_fraction,
    st_asbinary(l.geometry) as geometry
from tulip.observation_layer l
where (%(simulated)s::boolean is null or l.simulated = %(simulated)s)
    and (%(seasons)s::integer[] is null or l.season = any(%(seasons)s))
    and (%(area)s::text is null or exists (
        select from tulip.area a
        where a.name = %(area)s and st_intersects(a.geometry, st_pointonsurface(l.geometry))
    ))
    and (%(west)s::double precision is null
        or l.geometry && st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326))
order by l.field_id, l.acquisition_id
