-- Every function of the schema with its arguments, result and comment.
select
    p.proname,
    pg_get_function_arguments(p.oid),
    pg_get_function_result(p.oid),
    obj_description(p.oid, 'pg_proc')
from pg_proc p
where p.pronamespace = 'tulip'::regnamespace
order by p.proname
