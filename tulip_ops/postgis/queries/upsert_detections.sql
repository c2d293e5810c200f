-- Keep what is staged; rows that say the same already are not touched.
insert into tulip.detection as old (
    acquisition_id, ordinal, unet_id, cloud_filter_id, geometry, area_m2, tulip_probability,
    tulip_probability_std, bloom_fraction, clear_fraction, border_clear_fraction, run_id
)
select
    acquisition_id, ordinal, unet_id, cloud_filter_id, geometry, area_m2, tulip_probability,
    tulip_probability_std, bloom_fraction, clear_fraction, border_clear_fraction, run_id
from staged_detection
order by ordinal
on conflict (acquisition_id, ordinal) do update
set
    unet_id = excluded.unet_id,
    cloud_filter_id = excluded.cloud_filter_id,
    geometry = excluded.geometry,
    area_m2 = excluded.area_m2,
    tulip_probability = excluded.tulip_probability,
    tulip_probability_std = excluded.tulip_probability_std,
    bloom_fraction = excluded.bloom_fraction,
    clear_fraction = excluded.clear_fraction,
    border_clear_fraction = excluded.border_clear_fraction,
    run_id = excluded.run_id
where (
    old.unet_id, old.cloud_filter_id, old.geometry, old.area_m2, old.tulip_probability,
    old.tulip_probability_std, old.bloom_fraction, old.clear_fraction, old.border_clear_fraction
) is distinct from (
    excluded.unet_id, excluded.cloud_filter_id, excluded.geometry, excluded.area_m2,
    excluded.tulip_probability, excluded.tulip_probability_std, excluded.bloom_fraction,
    excluded.clear_fraction, excluded.border_clear_fraction
)
