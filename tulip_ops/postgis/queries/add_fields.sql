-- New fields; returns their ids in the order given.
with given as (
    select row_number() over () as number, geometry, area_m2
    from unnest(%(geometries)s::geometry[], %(areas)s::double precision[]) as g (geometry, area_m2)
), numbered as (
    select
        number, geometry, area_m2,
        nextval(pg_get_serial_sequence('tulip.field', 'field_id')) as field_id
    from given
    order by number
), added as (
    insert into tulip.field (field_id, simulated, geometry, area_m2)
    overriding system value
    select field_id, %(simulated)s, geometry, area_m2 from numbered
)
select field_id from numbered order by number
