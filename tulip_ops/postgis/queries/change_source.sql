-- Note which source an acquisition was read from, where another one took over.
update tulip.acquisition
set
    sensed_at = %(sensed_at)s,
    source = %(source)s,
    href = %(href)s,
    footprint = st_geomfromewkb(%(footprint)s),
    bands = %(bands)s::text[],
    baseline = %(baseline)s,
    relative_orbit = coalesce(%(relative_orbit)s, relative_orbit),
    provider_cloud_cover = %(provider_cloud_cover)s
where acquisition_id = %(id)s
