-- Bring an acquisition to a state; no row is touched if it is there, for the same reason.
update tulip.acquisition
set
    state = %(state)s,
    reached = %(step)s,
    verdict = %(verdict)s,
    clear_fraction = coalesce(%(clear_fraction)s::real, clear_fraction),
    updated_at = now()
where acquisition_id = %(id)s
    and (state, reached, verdict, clear_fraction) is distinct from (
        %(state)s, %(step)s, %(verdict)s, coalesce(%(clear_fraction)s::real, clear_fraction)
    )
