-- Acquisitions that count, and the fields under each that it has said nothing of: of acquisitions
-- that came or changed every field, of fields that came or changed every acquisition. A field lies
-- under an acquisition where it meets its footprint, and either the bounds of an area that the
-- acquisition lies over or a detection of the acquisition that shows it.
with asked as (
    select a.acquisition_id, a.simulated, a.footprint
    from tulip.acquisition a
    where not a.looked and a.state in ('recorded', 'skipped') and a.superseded_by is null
), pending as (
    select a.acquisition_id, f.field_id
    from asked a
    join tulip.acquisition_area l using (acquisition_id)
    join tulip.area r on r.name = l.area
    join tulip.field f
        on f.simulated = a.simulated
        and f.geometry && r.geometry
        and st_intersects(f.geometry, a.footprint)
    union
    select a.acquisition_id, f.field_id
    from asked a
    join tulip.detection d using (acquisition_id)
    join tulip.field f
        on f.simulated = a.simulated
        and f.geometry && d.geometry
        and st_area(st_intersection(f.geometry, d.geometry))
            >= 0.3 * least(st_area(f.geometry), st_area(d.geometry))
        and st_intersects(f.geometry, a.footprint)
    union
    select a.acquisition_id, f.field_id
    from tulip.field f
    join tulip.acquisition a on a.simulated = f.simulated and st_intersects(f.geometry, a.footprint)
    where not f.looked
        and a.state in ('recorded', 'skipped')
        and a.superseded_by is null
        and (
            exists (
                select from tulip.acquisition_area l
                join tulip.area r on r.name = l.area
                where l.acquisition_id = a.acquisition_id and r.geometry && f.geometry
            )
            or exists (
                select from tulip.detection d
                where d.acquisition_id = a.acquisition_id
                    and d.geometry && f.geometry
                    and st_area(st_intersection(f.geometry, d.geometry))
                        >= 0.3 * least(st_area(f.geometry), st_area(d.geometry))
            )
        )
)
select
    a.acquisition_id, a.state = 'skipped' as skipped, coalesce(a.detections_sha256, ''),
    f.field_id, f.geometry, f.area_m2
from pending p
join tulip.acquisition a using (acquisition_id)
join tulip.field f using (field_id)
where not exists (
    select from tulip.observation o
    where o.field_id = p.field_id and o.acquisition_id = p.acquisition_id
)
order by a.sensed_at, a.acquisition_id, f.field_id
