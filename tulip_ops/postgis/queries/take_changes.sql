-- Take the ground that changed since the last history, of these years or, if none is given, of all.
delete from tulip.change
where cardinality(%(years)s::integer[]) = 0 or season = any(%(years)s)
returning season, simulated, geometry
