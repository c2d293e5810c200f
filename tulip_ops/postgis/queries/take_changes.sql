-- Take the tiles that changed since the last history, of these years or, if none is given, of all.
with taken as (
    delete from tulip.change
    where cardinality(%(years)s::integer[]) = 0 or season = any(%(years)s)
    returning season, simulated, tile
)
select distinct season, tile, simulated from taken order by season, tile, simulated
