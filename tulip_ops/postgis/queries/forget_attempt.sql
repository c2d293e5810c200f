-- Forget an attempt that found everything as it should be.
delete from tulip.attempt where attempt_id = %(attempt_id)s
