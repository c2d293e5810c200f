-- Remove fields that no detection is linked to, unless one on them still waits for its link.
delete from tulip.field f
where not exists (select from tulip.field_detection l where l.field_id = f.field_id)
    and not exists (
        select from tulip.detection d
        join tulip.acquisition a using (acquisition_id)
        where st_intersects(d.geometry, f.geometry)
            and a.simulated = f.simulated
            and a.superseded_by is null
            and not exists (
                select from tulip.field_detection l where l.detection_id = d.detection_id
            )
    )
