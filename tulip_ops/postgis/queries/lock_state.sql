-- The acquisition of an attempt and how far it came, held until the transaction ends.
select a.acquisition_id, t.step, a.state, a.reached
from tulip.attempt t
join tulip.acquisition a using (acquisition_id)
where t.attempt_id = %(attempt_id)s
for no key update of a
