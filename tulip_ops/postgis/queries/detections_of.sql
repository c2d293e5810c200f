-- What the acquisitions of a season show that count.
select
    d.detection_id, d.acquisition_id, d.ordinal, d.geometry, d.area_m2,
    d.tulip_probability, d.tulip_probability_std, d.bloom_fraction, d.clear_fraction,
    d.border_clear_fraction
from tulip.detection d
join tulip.acquisition a using (acquisition_id)
where a.season = %(year)s and a.simulated = %(simulated)s and a.superseded_by is null
order by d.acquisition_id, d.ordinal
