-- Forget detections of an acquisition that are not staged.
delete from tulip.detection d
where d.acquisition_id = %(id)s
    and not exists (select from staged_detection s where s.ordinal = d.ordinal)
