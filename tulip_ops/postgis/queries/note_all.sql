-- Let the next history join every detection that counts to fields, as if all had come just now.
insert into tulip.change (season, simulated, geometry)
select a.season, a.simulated, d.geometry
from tulip.detection d
join tulip.acquisition a using (acquisition_id)
where a.superseded_by is null
union all
select o.season, f.simulated, o.geometry
from tulip.field_outline o
join tulip.field f using (field_id)
