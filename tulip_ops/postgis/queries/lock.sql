-- Wait until nobody else holds the lock, then hold it alone until the transaction ends.
select pg_advisory_xact_lock(%(key)s)
