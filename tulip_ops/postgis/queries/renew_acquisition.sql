-- Let a newer baseline behind a known id, or the same one with more ground because a datastrip came
-- later, take its place, and send it through all its steps again; returns a row if it is so.
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
where acquisition_id = %(id)s
    and (
        baseline collate "C" < %(baseline)s
        or (
            source = %(source)s
            and baseline is not distinct from %(baseline)s
            and footprint is distinct from st_geomfromewkb(%(footprint)s)
            and st_area(st_difference(
                st_makevalid(st_geomfromewkb(%(footprint)s)), st_makevalid(footprint)
            )) > 0.01 * st_area(st_geomfromewkb(%(footprint)s))
        )
    )
returning acquisition_id
