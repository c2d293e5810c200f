-- The newest acquisition that each source gave of each area; simulated ones are left out.
select distinct on (a.source, l.area) a.source, l.area, a.sensed_at
from tulip.acquisition_area l
join tulip.acquisition a using (acquisition_id)
where l.area = any(%(areas)s::text[]) and not a.simulated
order by a.source, l.area, a.sensed_at desc
