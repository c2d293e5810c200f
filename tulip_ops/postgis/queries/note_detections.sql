-- Note from which file and by which U-Net the detections of an acquisition were recorded; null if
-- there are none.
update tulip.acquisition
set detections_sha256 = %(sha256)s, unet_id = %(unet_id)s
where acquisition_id = %(id)s
    and (detections_sha256, unet_id) is distinct from (%(sha256)s, %(unet_id)s)
