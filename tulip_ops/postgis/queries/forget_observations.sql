-- Forget what an acquisition said of the fields under it.
delete from tulip.observation where acquisition_id = %(id)s
