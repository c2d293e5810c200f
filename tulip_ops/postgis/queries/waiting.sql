-- Those of these acquisitions that need a run, oldest first: begun by none, or failed for a while.
select a.acquisition_id
from tulip.acquisition a
where a.acquisition_id = any(%(ids)s::text[])
    and (
        a.state = 'discovered'
        and not exists (
            select from tulip.attempt t
            where t.acquisition_id = a.acquisition_id and t.started_at >= a.updated_at
        )
        or a.state = 'failed'
        and not exists (
            select from tulip.attempt t
            where t.acquisition_id = a.acquisition_id
                and t.started_at > now() - %(rest)s::interval
        )
    )
order by a.sensed_at, a.acquisition_id
