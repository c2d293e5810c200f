-- Detections as a layer.
select
    l.detection_id, l.acquisition_id, l.day, l.season, l.simulated, l.counts, l.ordinal, l.area_m2,
    l.tulip_probability, l.tulip_probability_std, l.bloom_fraction, l.clear_fraction,
    l.border_clear_fraction, l.model_name, l.model_version, l.model_sha256, l.cloud_filter_name,
    l.cloud_filter_version, l.cloud_filter_sha256, l.run_id,
    p.areas[1] as area, array_to_string(p.areas, ', ') as areas,
    st_asbinary(l.geometry) as geometry
from tulip.detection_layer l
cross join lateral (select tulip.areas_of(l.geometry) as areas) p
where (%(simulated)s::boolean is null or l.simulated = %(simulated)s)
    and (%(seasons)s::integer[] is null or l.season = any(%(seasons)s))
    and (%(area)s::text is null or %(area)s = any(p.areas))
    and (%(west)s::double precision is null
        or l.geometry && st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326))
order by l.detection_id
