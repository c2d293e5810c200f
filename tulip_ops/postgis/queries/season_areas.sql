-- The area of each field as detected in a season: the median over the acquisitions that show it.
select field_id, percentile_cont(0.5) within group (order by area_m2)
from (
    select l.field_id, sum(d.area_m2) as area_m2
    from tulip.field_detection l
    join tulip.detection d using (detection_id)
    join tulip.acquisition a using (acquisition_id)
    where a.season = %(year)s and a.simulated = %(simulated)s
    group by l.field_id, d.acquisition_id
) as shown
group by field_id
order by field_id
