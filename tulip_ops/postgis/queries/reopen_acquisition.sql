-- Send an acquisition through all its steps again, because it lies over an area it did not.
update tulip.acquisition
set state = 'discovered', reached = null, verdict = null, updated_at = now()
where acquisition_id = %(id)s and state <> 'discovered'
