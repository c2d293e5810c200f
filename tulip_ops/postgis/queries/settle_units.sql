-- Note what a booked request did cost.
update tulip.unit_booking set spent = %(spent)s, settled_at = clock_timestamp()
where booking_id = %(booking_id)s
