-- Fail the attempts of an acquisition that never ended.
update tulip.attempt
set
    ended_at = greatest(clock_timestamp(), started_at),
    outcome = 'failed',
    error = 'Killed',
    message = 'its process ended without a word; noted by the next attempt'
where acquisition_id = %(id)s and ended_at is null
