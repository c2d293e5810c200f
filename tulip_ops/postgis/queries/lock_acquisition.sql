-- Wait until nobody else carries the acquisition, then hold it until the connection ends.
select pg_advisory_lock(%(key)s, hashtext(%(id)s))
