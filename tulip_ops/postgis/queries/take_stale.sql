-- Take the fields whose seasons have to be summed up again.
with taken as (
    delete from tulip.stale returning field_id, season
)
select distinct t.field_id, t.season, f.simulated
from taken t
join tulip.field f using (field_id)
order by t.field_id, t.season
