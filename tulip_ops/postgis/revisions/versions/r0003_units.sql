-- Processing units that were used.

create table tulip.unit_booking (
    booking_id bigint generated always as identity primary key,
    service text not null,
    run_id text not null,
    request text not null check (request in ('catalog', 'process', 'wms')),
    acquisition_id text,
    estimated double precision not null check (estimated >= 0),
    spent double precision check (spent >= 0),
    booked_at timestamptz not null default clock_timestamp(),
    settled_at timestamptz check (settled_at >= booked_at),
    check ((spent is null) = (settled_at is null))
);
create index unit_booking_month on tulip.unit_booking (service, booked_at);
create index unit_booking_run on tulip.unit_booking (service, run_id);

comment on table tulip.unit_booking is
    'Processing units of Sentinel Hub, booked before each request, so that the budgets of a run and of a month are never passed, by several processes neither.';
comment on column tulip.unit_booking.booking_id is 'Counts the bookings; gaps are normal.';
comment on column tulip.unit_booking.service is
    'Host of the deployment that charges, such as sh.dataspace.copernicus.eu.';
comment on column tulip.unit_booking.run_id is
    'Which run asked: TULIP_RUN_ID, as a DAG hands it in, or one name for each process.';
comment on column tulip.unit_booking.request is
    'catalog (a page of a search), process (an image of all bands) or wms (a true-colour chip).';
comment on column tulip.unit_booking.acquisition_id is
    'The acquisition that was read; null for a search. Stays when the ledger forgets it.';
comment on column tulip.unit_booking.estimated is 'Units that were expected before asking.';
comment on column tulip.unit_booking.spent is
    'Units that the service says it charged, 0 where it refused; null before its answer, and where that was cut or the process killed: the estimate counts then.';
comment on column tulip.unit_booking.booked_at is 'When it was booked, just before asking.';
comment on column tulip.unit_booking.settled_at is 'When the answer was there.';

grant insert, update, delete on tulip.unit_booking to tulip_writer;


create view tulip.unit_months as
select
    service,
    date_trunc('month', booked_at at time zone 'UTC')::date as month,
    count(*) as requests,
    sum(coalesce(spent, estimated)) as units,
    count(*) filter (where spent is null) as unsettled
from tulip.unit_booking
group by service, month;

comment on view tulip.unit_months is
    'Processing units by calendar month (UTC), as `tulip units` shows them. Key: service, month.';
comment on column tulip.unit_months.service is
    'Host of the deployment that charges, such as sh.dataspace.copernicus.eu.';
comment on column tulip.unit_months.month is 'First day of the month.';
comment on column tulip.unit_months.requests is 'Requests that were sent.';
comment on column tulip.unit_months.units is
    'Processing units: what the service charged, and what was expected where its answer is missing.';
comment on column tulip.unit_months.unsettled is
    'Requests whose answer is missing: under way, cut or killed.';
