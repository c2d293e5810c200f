-- Wait until nobody else holds the lock, then hold it alone until the connection ends.
select pg_advisory_lock(%(key)s)
