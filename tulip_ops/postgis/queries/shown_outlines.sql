-- Of these outlines, counted from 1, those on which an acquisition of the season that counts shows
-- a detection, with 0.3 of the smaller in common: others lie outside the areas, or no single look
-- takes them for tulips.
select n.number
from unnest(%(geometries)s::geometry[]) with ordinality as n (geometry, number)
where exists (
    select from tulip.detection d
    join tulip.acquisition a using (acquisition_id)
    where a.season = %(season)s
        and a.simulated = %(simulated)s
        and a.superseded_by is null
        and d.geometry && n.geometry
        and st_area(st_intersection(d.geometry, n.geometry))
            >= 0.3 * least(st_area(d.geometry), st_area(n.geometry))
)
order by n.number
