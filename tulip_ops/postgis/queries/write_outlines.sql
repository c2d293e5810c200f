-- Keep outlines of fields; rows that say the same already are not touched.
insert into tulip.field_outline as old (field_id, season, geometry, area_m2, parcel_id)
select * from unnest(
    %(field_ids)s::bigint[], %(seasons)s::integer[], %(geometries)s::geometry[],
    %(areas)s::double precision[], %(parcel_ids)s::bigint[]
)
on conflict (field_id, season) do update
set geometry = excluded.geometry, area_m2 = excluded.area_m2, parcel_id = excluded.parcel_id
where (old.geometry, old.area_m2, old.parcel_id)
    is distinct from (excluded.geometry, excluded.area_m2, excluded.parcel_id)
