-- How many detections of an acquisition are recorded.
select count(*) from tulip.detection where acquisition_id = %(id)s
