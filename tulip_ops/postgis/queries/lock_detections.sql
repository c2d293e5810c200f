-- From which file an acquisition's detections were recorded, held until the transaction ends.
select detections_sha256 from tulip.acquisition
where acquisition_id = %(id)s
for no key update
