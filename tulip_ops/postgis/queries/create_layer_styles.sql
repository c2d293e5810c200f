-- The table in which QGIS looks for styles, as QGIS itself would make it.
create table if not exists public.layer_styles (
    id serial primary key,
    f_table_catalog varchar,
    f_table_schema varchar,
    f_table_name varchar,
    f_geometry_column varchar,
    stylename text,
    styleqml xml,
    stylesld xml,
    useasdefault boolean,
    description text,
    owner varchar(63) default current_user,
    ui xml,
    update_time timestamp default current_timestamp,
    type varchar
)
