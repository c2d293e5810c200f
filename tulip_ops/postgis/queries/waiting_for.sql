-- Which acquisitions wait for a step, oldest first? Those in the state that the step before leads
-- to, of which no attempt at the step is known that began after it.
select a.acquisition_id
from tulip.acquisition a
where a.state = %(state)s
  and not exists (
      select from tulip.attempt t
      where t.acquisition_id = a.acquisition_id
        and t.step = %(step)s
        and t.attempt_id > coalesce((
            select max(b.attempt_id) from tulip.attempt b
            where b.acquisition_id = a.acquisition_id
              and b.step = %(before)s
              and b.outcome = 'done'
        ), 0)
  )
order by a.sensed_at, a.acquisition_id
