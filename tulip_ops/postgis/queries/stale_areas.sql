-- The area of fields as detected in a season: the median over the overpasses that show it.
-- Datastrips of one overpass show a part each, and the ground that two of them show counts once.
-- Of a detection across several parcels, each has what lies on it.
select field_id, season, percentile_cont(0.5) within group (order by area_m2)
from (
    select
        l.field_id,
        a.season,
        case
            when o.parcel_id is not null
                then st_area(st_intersection(st_union(d.geometry), o.geometry)::geography)
            when count(distinct d.acquisition_id) = 1 then sum(d.area_m2)
            else st_area(st_union(d.geometry)::geography)
        end as area_m2
    from unnest(%(field_ids)s::bigint[], %(seasons)s::integer[]) as wanted (field_id, season)
    join tulip.field_detection l on l.field_id = wanted.field_id
    join tulip.detection d using (detection_id)
    join tulip.acquisition a on a.acquisition_id = d.acquisition_id and a.season = wanted.season
    left join tulip.field_outline o on o.field_id = l.field_id and o.season = a.season
    where a.superseded_by is null
    group by l.field_id, a.season, a.platform, a.tile, a.day, o.field_id, o.season
) as shown
where area_m2 > 0
group by field_id, season
order by field_id, season
