-- Acquisitions that are neither at their end nor stuck, oldest first; of these ids or areas only.
select a.acquisition_id
from tulip.acquisition a
where a.state not in ('recorded', 'skipped', 'failed', 'quarantined')
    and (%(ids)s::text[] is null or a.acquisition_id = any(%(ids)s::text[]))
    and (
        %(areas)s::text[] is null
        or exists (
            select from tulip.acquisition_area l
            where l.acquisition_id = a.acquisition_id and l.area = any(%(areas)s::text[])
        )
    )
order by a.sensed_at, a.acquisition_id
