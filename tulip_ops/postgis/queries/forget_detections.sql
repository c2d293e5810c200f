-- Forget what an acquisition showed; the links from fields go with it.
delete from tulip.detection where acquisition_id = %(id)s
