-- Acquisitions in each state, in the order of the states.
select state, count(*)
from tulip.acquisition
group by state
order by array_position(%(states)s::text[], state)
