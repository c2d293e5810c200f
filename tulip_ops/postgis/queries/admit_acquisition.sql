-- Put an acquisition into the ledger; returns a row if it was not there.
insert into tulip.acquisition (acquisition_id, sensed_at, source, href, footprint, bands)
values (
    %(id)s, %(sensed_at)s, %(source)s, %(href)s, st_geomfromewkb(%(footprint)s),
    %(bands)s::text[]
)
on conflict (acquisition_id) do nothing
returning acquisition_id
