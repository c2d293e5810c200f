-- What the looks of a season together say of fields that it shows.
select o.field_id, o.season, o.detected_area_m2, o.tulip_probability, o.touches_edge
from unnest(%(field_ids)s::bigint[], %(seasons)s::integer[]) as wanted (field_id, season)
join tulip.field_outline o using (field_id, season)
where o.tulip_probability is not null
