-- Processing units that a service charged this month, and those of one run, as far as is known.
select
    coalesce(sum(coalesce(spent, estimated)) filter (
        where booked_at >= date_trunc('month', clock_timestamp())
    ), 0),
    coalesce(sum(coalesce(spent, estimated)) filter (where run_id = %(run_id)s), 0)
from tulip.unit_booking
where service = %(service)s
    and (booked_at >= date_trunc('month', clock_timestamp()) or run_id = %(run_id)s)
