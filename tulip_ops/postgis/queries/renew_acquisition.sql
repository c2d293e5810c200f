-- Let a newer baseline behind a known id take its place, and send it through all its steps again;
-- returns a row if it is newer. Where either baseline is unknown, nothing is.
update tulip.acquisition
set
    sensed_at = %(sensed_at)s,
    source = %(source)s,
    href = %(href)s,
    footprint = st_geomfromewkb(%(footprint)s),
    bands = %(bands)s::text[],
    baseline = %(baseline)s,
    relative_orbit = coalesce(%(relative_orbit)s, relative_orbit),
    provider_cloud_cover = %(provider_cloud_cover)s,
    state = 'discovered',
    reached = null,
    verdict = null,
    updated_at = now()
where acquisition_id = %(id)s and baseline collate "C" < %(baseline)s
returning acquisition_id
