-- Forget what a season says of fields other than these.
delete from tulip.field_season s
using tulip.field f
where f.field_id = s.field_id
    and s.season = %(year)s
    and f.simulated = %(simulated)s
    and s.field_id <> all(%(field_id)s::bigint[])
