-- The season table of an area.
select
    season, acquisitions_recorded, acquisitions_skipped, acquisitions_failed,
    acquisitions_unfinished, clear_looks::double precision, fields_bloomed, fields_not_bloomed,
    fields_not_seen, bloomed_ha::double precision, bloomed_change_ha::double precision,
    first_bloom_day, median_peak, fields_doubtful
from tulip.season_summary
where area = %(area)s and simulated = %(simulated)s
order by season
