-- The bloom history as a layer.
select
    l.id, l.field_id, l.season, l.simulated, l.verdict, l.previous_verdict, l.change,
    l.last_bloom_season, l.years_since_bloom, l.area_m2, l.area_change_m2, l.clear_looks,
    l.onset_earliest, l.onset_latest, l.peak_earliest, l.peak, l.peak_latest, l.end_earliest,
    l.end_latest, l.peak_bloom_fraction, l.confidence, l.doubtful,
    l.tulip_probability, l.looks_for, l.looks_against, l.touches_edge, l.area,
    array_to_string(l.areas, ', ') as areas,
    st_asbinary(l.geometry) as geometry
from tulip.bloom_layer l
where (%(simulated)s::boolean is null or l.simulated = %(simulated)s)
    and (%(seasons)s::integer[] is null or l.season = any(%(seasons)s))
    and (%(area)s::text is null or %(area)s = any(l.areas))
    and (%(west)s::double precision is null
        or l.geometry && st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326))
order by l.field_id, l.season
