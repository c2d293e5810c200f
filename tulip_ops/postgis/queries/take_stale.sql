-- Take the fields whose seasons have to be summed up again, with all others of their neighbourhoods.
with taken as (
    delete from tulip.stale returning field_id, season, cell, simulated
), own as (
    select distinct f.field_id, t.season, f.cell, f.simulated
    from taken t
    join tulip.field f using (field_id)
), around as (
    select season, cell, simulated from own
    union
    select season, cell, simulated from taken where cell is not null
)
select a.cell, a.simulated, a.season, f.field_id, o.field_id is not null as own
from around a
join tulip.field f on f.cell = a.cell and f.simulated = a.simulated
left join own o on o.field_id = f.field_id and o.season = a.season
order by a.cell, a.simulated, a.season, f.field_id
