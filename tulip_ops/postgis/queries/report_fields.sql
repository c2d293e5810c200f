-- The bloom history of the fields of an area.
select
    b.field_id, f.area_m2, b.season, b.verdict, b.change, b.clear_looks, b.area_m2,
    b.onset_earliest, b.onset_latest, b.peak, b.end_earliest, b.end_latest, b.geometry,
    b.tulip_probability, b.confidence, b.doubtful, b.looks_for, b.looks_against, b.touches_edge
from tulip.area a
join tulip.field f
    on f.simulated = %(simulated)s
    and f.geometry && a.geometry
    and st_intersects(a.geometry, st_pointonsurface(f.geometry))
join tulip.bloom_history b using (field_id)
where a.name = %(area)s
order by b.field_id, b.season
