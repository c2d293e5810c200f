-- How many tiles and seasons wait to be drawn anew.
select count(distinct (season, simulated, tile)) from tulip.change
