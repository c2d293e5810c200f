-- Note that an attempt begins.
insert into tulip.attempt (acquisition_id, step, run_id)
values (%(id)s, %(step)s, %(run_id)s)
returning attempt_id
