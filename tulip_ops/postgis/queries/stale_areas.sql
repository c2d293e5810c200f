-- The area of fields as detected in a season: the median over the overpasses that show it.
-- Datastrips of one overpass show a part each, and the ground that two of them show counts once.
-- Of a detection across several parcels, each has what lies on it.
with shown as (
    select
        l.field_id, a.season, a.platform, a.tile, a.day,
        sum(d.area_m2) as area_m2,
        min(d.acquisition_id) = max(d.acquisition_id) as whole
    from unnest(%(field_ids)s::bigint[], %(seasons)s::integer[]) as wanted (field_id, season)
    join tulip.field_detection l on l.field_id = wanted.field_id
    join tulip.detection d using (detection_id)
    join tulip.acquisition a on a.acquisition_id = d.acquisition_id and a.season = wanted.season
    where a.superseded_by is null
    group by l.field_id, a.season, a.platform, a.tile, a.day
), together as (
    select
        s.field_id, s.season,
        case when s.whole and o.parcel_id is null then s.area_m2 else (
            select st_area((case
                when o.parcel_id is null then st_union(d.geometry)
                else st_intersection(st_union(d.geometry), o.geometry)
            end)::geography)
            from tulip.field_detection l
            join tulip.detection d using (detection_id)
            join tulip.acquisition a using (acquisition_id)
            where l.field_id = s.field_id
                and (a.platform, a.tile, a.day) = (s.platform, s.tile, s.day)
                and a.superseded_by is null
        ) end as area_m2
    from shown s
    left join tulip.field_outline o on o.field_id = s.field_id and o.season = s.season
)
select field_id, season, percentile_cont(0.5) within group (order by area_m2)
from together
where area_m2 > 0
group by field_id, season
order by field_id, season
