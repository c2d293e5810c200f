-- How many parcels the register of each season has.
select season, count(*) from tulip.parcel group by season order by season
