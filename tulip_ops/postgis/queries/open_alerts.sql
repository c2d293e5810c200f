-- What is wrong with sources, the oldest first.
select source, kind, area, message, newest_at, began_at
from tulip.open_alerts
order by began_at, source, kind, area
