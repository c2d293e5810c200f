-- How many fields each season shows, simulated and real apart.
select o.season, f.simulated, count(*)
from tulip.field_outline o
join tulip.field f using (field_id)
where cardinality(%(years)s::integer[]) = 0 or o.season = any(%(years)s)
group by o.season, f.simulated
