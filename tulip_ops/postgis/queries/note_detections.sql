-- Note from which file the detections of an acquisition were recorded; null if there are none.
update tulip.acquisition
set detections_sha256 = %(sha256)s
where acquisition_id = %(id)s and detections_sha256 is distinct from %(sha256)s
