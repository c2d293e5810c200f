-- The area of each field as detected in a season: the median over the overpasses that show it.
-- Datastrips of one overpass show a part each, and the ground that two of them show counts once.
with shown as (
    select
        l.field_id, a.platform, a.tile, a.day,
        sum(d.area_m2) as area_m2,
        min(d.acquisition_id) = max(d.acquisition_id) as whole
    from tulip.field_detection l
    join tulip.detection d using (detection_id)
    join tulip.acquisition a using (acquisition_id)
    where a.season = %(year)s and a.simulated = %(simulated)s and a.superseded_by is null
    group by l.field_id, a.platform, a.tile, a.day
), together as (
    select
        s.field_id,
        case when s.whole then s.area_m2 else (
            select st_area(st_union(d.geometry)::geography)
            from tulip.field_detection l
            join tulip.detection d using (detection_id)
            join tulip.acquisition a using (acquisition_id)
            where l.field_id = s.field_id
                and (a.platform, a.tile, a.day) = (s.platform, s.tile, s.day)
                and a.superseded_by is null
        ) end as area_m2
    from shown s
)
select field_id, percentile_cont(0.5) within group (order by area_m2)
from together
group by field_id
order by field_id
