-- Give fields their outlines; those that change are looked at anew, and lose what was said of them.
with given as (
    select * from unnest(
        %(field_ids)s::bigint[], %(geometries)s::geometry[], %(areas)s::double precision[]
    ) as g (field_id, geometry, area_m2)
), redrawn as (
    update tulip.field f
    set geometry = g.geometry, area_m2 = g.area_m2, looked = false
    from given g
    where f.field_id = g.field_id and f.geometry is distinct from g.geometry
    returning f.field_id
)
delete from tulip.observation o using redrawn r where o.field_id = r.field_id
