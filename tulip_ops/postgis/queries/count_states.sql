-- Acquisitions in each state, in the order of the states.
select state, count(*)
from tulip.acquisition
group by state
order by array_position(
    array['discovered', 'acquired', 'screened', 'segmented', 'vectorized', 'recorded',
        'skipped', 'failed', 'quarantined'],
    state
)
