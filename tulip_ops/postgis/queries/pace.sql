-- How many acquisitions over these areas were carried one by one, and how many seconds that took.
-- Of runs of the Beam pipeline no attempt says how long the networks took: they are left out.
select
    count(distinct t.acquisition_id),
    coalesce(sum(extract(epoch from t.ended_at - t.started_at)), 0)
from tulip.attempt t
where t.outcome in ('done', 'skipped')
    and t.run_id not like 'beam %%'
    and exists (
        select from tulip.acquisition_area l
        where l.acquisition_id = t.acquisition_id and l.area = any(%(areas)s::text[])
    )
