-- When satellites passed over areas since a moment, by area and time.
select area, sensed_at, platform, relative_orbit
from tulip.overpasses
where area = any(%(areas)s::text[]) and sensed_at >= %(since)s
order by area, sensed_at, platform
