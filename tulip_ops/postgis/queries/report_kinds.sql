-- Of an area, whether there are simulated and whether there are satellite acquisitions.
select distinct a.simulated
from tulip.acquisition_area l
join tulip.acquisition a using (acquisition_id)
where l.area = %(area)s
order by a.simulated
