-- Hold the acquisition until the connection ends, if nobody else carries it.
select pg_try_advisory_lock(%(key)s, hashtext(%(id)s))
