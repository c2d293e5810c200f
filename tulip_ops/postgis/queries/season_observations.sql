-- What the acquisitions of a season say of each field, by field and time.
select
    o.field_id, o.acquisition_id, o.verdict, o.clear_fraction, o.tulip_probability,
    o.bloom_fraction
from tulip.observation o
join tulip.acquisition a using (acquisition_id)
where a.season = %(year)s and a.simulated = %(simulated)s
order by o.field_id, a.sensed_at, o.acquisition_id
