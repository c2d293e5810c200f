-- Keep what is staged; rows that say the same already are not touched.
insert into tulip.parcel as old (season, key, geometry, area_m2)
select %(season)s, key, geometry, area_m2 from staged_parcel order by key
on conflict (season, key) do update
set geometry = excluded.geometry, area_m2 = excluded.area_m2
where old.geometry is distinct from excluded.geometry
