-- The season table, by area and season.
select * from tulip.season_summary order by area, season, simulated
