-- Fields as a layer; with seasons, those that bloomed in one of them.
select
    l.field_id, l.simulated, l.area_m2, l.areas[1] as area,
    array_to_string(l.areas, ', ') as areas, st_asbinary(l.geometry) as geometry
from tulip.field l
where (%(simulated)s::boolean is null or l.simulated = %(simulated)s)
    and (%(seasons)s::integer[] is null or exists (
        select from tulip.field_season s
        where s.field_id = l.field_id and s.season = any(%(seasons)s) and s.verdict = 'bloomed'
    ))
    and (%(area)s::text is null or %(area)s = any(l.areas))
    and (%(west)s::double precision is null
        or l.geometry && st_makeenvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326))
order by l.field_id
