-- Processing units by service and month, the newest month first.
select service, month, requests, units, unsettled
from tulip.unit_months
order by month desc, service
limit 24
