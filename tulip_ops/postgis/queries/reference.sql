-- Every table and view of the schema with its columns, keys and comments.
select
    c.relname as name,
    c.relkind = 'v' as is_view,
    obj_description(c.oid, 'pg_class') as comment,
    (
        select json_agg(
            json_build_object(
                'name', a.attname,
                'type', format_type(a.atttypid, a.atttypmod),
                'required', a.attnotnull,
                'comment', col_description(c.oid, a.attnum)
            )
            order by a.attnum
        )
        from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ) as columns,
    (
        select json_agg(
            pg_get_constraintdef(k.oid)
            order by array_position(array['p', 'u', 'f', 'c'], k.contype::text), k.conname
        )
        from pg_constraint k
        where k.conrelid = c.oid
    ) as constraints
from pg_class c
where c.relnamespace = 'tulip'::regnamespace and c.relkind in ('r', 'v')
order by is_view desc, c.relname
