-- Parcels of the register that holds for a season whose bounds meet those of any of the outlines.
select distinct p.parcel_id, p.geometry, p.area_m2
from unnest(%(outlines)s::geometry[]) as around (outline)
join tulip.parcel p on p.geometry && around.outline
where p.season = (
    select max(r.season) from tulip.parcel r where r.season <= %(year)s
)
order by p.parcel_id
