-- Book processing units for a request that is about to be sent.
insert into tulip.unit_booking (service, run_id, request, acquisition_id, estimated)
values (%(service)s, %(run_id)s, %(request)s, %(acquisition_id)s, %(estimated)s)
returning booking_id
