-- A style in the place of our older one; the default, unless somebody chose another. It has no type:
-- one that has is not found by connections that leave the type of geometry open.
with gone as (
    delete from public.layer_styles
    where f_table_catalog = current_database() and f_table_schema = 'tulip'
        and f_table_name = %(table)s and description = 'tulip_ops'
    returning id
)
insert into public.layer_styles (
    f_table_catalog, f_table_schema, f_table_name, f_geometry_column, stylename, styleqml,
    useasdefault, description
)
select
    current_database(), 'tulip', %(table)s, 'geometry', %(table)s, xmlparse(document %(style)s),
    not exists (
        select from public.layer_styles s
        where s.f_table_catalog = current_database() and s.f_table_schema = 'tulip'
            and s.f_table_name = %(table)s and s.useasdefault
            and s.description is distinct from 'tulip_ops'
    ),
    'tulip_ops'
