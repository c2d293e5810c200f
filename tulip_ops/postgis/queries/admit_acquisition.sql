-- Put an acquisition into the ledger; returns a row if it was not there.
insert into tulip.acquisition (
    acquisition_id, sensed_at, source, href, footprint, bands, baseline, relative_orbit,
    provider_cloud_cover
)
values (
    %(id)s, %(sensed_at)s, %(source)s, %(href)s, st_geomfromewkb(%(footprint)s),
    %(bands)s::text[], %(baseline)s, %(relative_orbit)s, %(provider_cloud_cover)s
)
on conflict (acquisition_id) do nothing
returning acquisition_id
