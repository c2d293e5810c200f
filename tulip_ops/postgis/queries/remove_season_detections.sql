-- Forget season detections.
delete from tulip.season_detection where season_detection_id = any(%(ids)s::bigint[])
