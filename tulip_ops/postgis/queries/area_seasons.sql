-- What each season says of the fields of an area, by field and season.
select f.field_id, f.geometry, f.area_m2, s.season, s.verdict
from tulip.area a
join tulip.field f
    on f.simulated = %(simulated)s
    and f.geometry && a.geometry
    and st_intersects(a.geometry, st_pointonsurface(f.geometry))
join tulip.field_season s using (field_id)
where a.name = %(area)s
order by f.field_id, s.season
