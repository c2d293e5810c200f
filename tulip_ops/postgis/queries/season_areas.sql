-- The area of each field as detected in a season: the median over the overpasses that show it.
-- Datastrips of one overpass show a part each, and the ground that two of them show counts once.
select field_id, percentile_cont(0.5) within group (order by area_m2)
from (
    select
        l.field_id,
        case
            when count(distinct d.acquisition_id) = 1 then sum(d.area_m2)
            else st_area(st_union(d.geometry)::geography)
        end as area_m2
    from tulip.field_detection l
    join tulip.detection d using (detection_id)
    join tulip.acquisition a using (acquisition_id)
    where a.season = %(year)s and a.simulated = %(simulated)s and a.superseded_by is null
    group by l.field_id, a.platform, a.tile, a.day
) as shown
group by field_id
order by field_id
