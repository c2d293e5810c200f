-- Fields that an identity may have had: these, and those here that no outline belongs to.
select f.field_id, f.geometry, f.area_m2
from tulip.field f
where f.field_id = any(%(field_ids)s::bigint[])
union
select f.field_id, f.geometry, f.area_m2
from unnest(%(outlines)s::geometry[]) as around (outline)
join tulip.field f on f.geometry && around.outline and f.simulated = %(simulated)s
where not exists (select from tulip.field_outline o where o.field_id = f.field_id)
order by field_id
