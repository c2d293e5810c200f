-- The areas of these names, or all of them, by name.
select name, geometry, coalesce(sources, '{}')
from tulip.area
where %(names)s::text[] is null or name = any(%(names)s::text[])
order by name
