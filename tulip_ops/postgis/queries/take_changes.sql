-- Take the ground that changed since the last history, of these years or, if none is given, of all.
-- A detection that came and went again has left its outline.
with taken as (
    delete from tulip.change
    where cardinality(%(years)s::integer[]) = 0 or season = any(%(years)s)
    returning season, simulated, acquisition_id, geometry
)
select season, simulated, geometry from taken where geometry is not null
union all
select t.season, t.simulated, d.geometry
from (select distinct season, simulated, acquisition_id from taken) as t
join tulip.detection d using (acquisition_id)
