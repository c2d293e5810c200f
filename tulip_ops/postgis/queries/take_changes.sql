-- Take the ground that changed since the last history, of these years or, if none is given, of all.
-- A detection that came and went again has left its outline.
with taken as (
    delete from tulip.change
    where cardinality(%(years)s::integer[]) = 0 or season = any(%(years)s)
    returning season, simulated, detection_id, geometry
)
select t.season, t.simulated, coalesce(t.geometry, d.geometry)
from taken t
left join tulip.detection d using (detection_id)
where t.geometry is not null or d.detection_id is not null
