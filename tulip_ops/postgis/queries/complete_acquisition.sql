-- Learn of a known acquisition what was not said before; returns a row if that was anything.
update tulip.acquisition
set
    relative_orbit = coalesce(relative_orbit, %(relative_orbit)s::integer),
    baseline = coalesce(baseline, %(baseline)s),
    provider_cloud_cover = coalesce(provider_cloud_cover, %(provider_cloud_cover)s::real)
where acquisition_id = %(id)s
    and source = %(source)s
    and href = %(href)s
    and (relative_orbit, baseline, provider_cloud_cover) is distinct from (
        coalesce(relative_orbit, %(relative_orbit)s::integer),
        coalesce(baseline, %(baseline)s),
        coalesce(provider_cloud_cover, %(provider_cloud_cover)s::real)
    )
returning acquisition_id
