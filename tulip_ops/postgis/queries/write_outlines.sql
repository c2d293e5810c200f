-- Keep outlines of fields; rows that say the same already are not touched.
insert into tulip.field_outline as old (
    field_id, season, geometry, area_m2, parcel_id, detected_area_m2, tulip_probability, touches_edge
)
select * from unnest(
    %(field_ids)s::bigint[], %(seasons)s::integer[], %(geometries)s::geometry[],
    %(areas)s::double precision[], %(parcel_ids)s::bigint[], %(detected_areas)s::double precision[],
    %(probabilities)s::real[], %(edges)s::boolean[]
)
on conflict (field_id, season) do update
set
    geometry = excluded.geometry,
    area_m2 = excluded.area_m2,
    parcel_id = excluded.parcel_id,
    detected_area_m2 = excluded.detected_area_m2,
    tulip_probability = excluded.tulip_probability,
    touches_edge = excluded.touches_edge
where old.* is distinct from excluded.*
