-- All ground on which a season shows fields, or showed them at the last history.
select geometry from tulip.season_detection
where season = %(year)s and simulated = %(simulated)s
union all
select o.geometry
from tulip.field_outline o
join tulip.field f using (field_id)
where o.season = %(year)s and f.simulated = %(simulated)s
