-- What each acquisition that counts says of the fields of an area.
select o.field_id, c.season, c.day, o.verdict
from tulip.area a
join tulip.field f
    on f.simulated = %(simulated)s
    and f.geometry && a.geometry
    and st_intersects(a.geometry, st_pointonsurface(f.geometry))
join tulip.observation o using (field_id)
join tulip.acquisition c using (acquisition_id)
where a.name = %(area)s and c.superseded_by is null
order by o.field_id, c.day, o.acquisition_id
