-- Why acquisitions failed in a run since a moment: of each its newest attempt, where that failed.
select acquisition_id, step, error, message
from (
    select distinct on (acquisition_id) acquisition_id, step, error, message, outcome
    from tulip.attempt
    where acquisition_id = any(%(ids)s::text[]) and run_id = %(run_id)s
        and started_at >= %(since)s
    order by acquisition_id, attempt_id desc
) newest
where outcome = 'failed'
