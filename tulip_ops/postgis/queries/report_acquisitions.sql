-- The acquisitions over an area, and how far each came.
select
    a.acquisition_id, a.day, a.season, a.state, a.verdict, a.clear_fraction,
    a.superseded_by is null as counts
from tulip.acquisition_area l
join tulip.acquisition a using (acquisition_id)
where l.area = %(area)s and a.simulated = %(simulated)s
order by a.day, a.acquisition_id
