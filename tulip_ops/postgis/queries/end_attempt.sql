-- Note how an attempt ended.
update tulip.attempt
set
    ended_at = greatest(clock_timestamp(), started_at),
    outcome = %(outcome)s,
    error = %(error)s,
    message = %(message)s,
    figures = %(figures)s
where attempt_id = %(attempt_id)s
