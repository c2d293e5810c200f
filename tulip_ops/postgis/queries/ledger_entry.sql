-- What the ledger says of one acquisition.
select
    a.acquisition_id, a.sensed_at, a.source, a.href, a.footprint, a.bands, a.baseline,
    a.relative_orbit, a.provider_cloud_cover,
    a.state, a.reached, a.verdict, a.clear_fraction, a.detections_sha256,
    array(
        select l.area from tulip.acquisition_area l
        where l.acquisition_id = a.acquisition_id order by l.area
    ) as areas
from tulip.acquisition a
where a.acquisition_id = %(id)s
