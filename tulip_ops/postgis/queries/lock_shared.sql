-- Wait until nobody holds the lock alone, then share it until the transaction ends.
select pg_advisory_xact_lock_shared(%(key)s)
