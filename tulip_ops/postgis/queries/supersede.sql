-- Say which acquisitions of a season a newer processing of the same overpass supersedes; returns
-- each one of which that changed. A newer one must cover the ground of the older, or they are
-- datastrips side by side; and it must have come to its end, or nothing would be left to count.
with newest as (
    select distinct on (older.acquisition_id)
        older.acquisition_id, newer.acquisition_id as superseded_by
    from tulip.acquisition older
    join tulip.acquisition newer
        on newer.tile = older.tile
        and newer.day = older.day
        and newer.platform = older.platform
        and (newer.level, coalesce(newer.baseline, '') collate "C", newer.sequence)
            > (older.level, coalesce(older.baseline, '') collate "C", older.sequence)
        and (newer.state in ('recorded', 'skipped') or newer.detections_sha256 is not null)
        and st_area(st_intersection(
            st_makevalid(newer.footprint), st_makevalid(older.footprint)
        )) >= 0.9 * st_area(older.footprint)
    where older.season = %(year)s and older.simulated = %(simulated)s
    order by
        older.acquisition_id, newer.level desc, coalesce(newer.baseline, '') collate "C" desc,
        newer.sequence desc
), changed as (
    select a.acquisition_id, n.superseded_by
    from tulip.acquisition a
    left join newest n using (acquisition_id)
    where a.season = %(year)s
        and a.simulated = %(simulated)s
        and a.superseded_by is distinct from n.superseded_by
    order by a.acquisition_id
    for no key update of a
)
update tulip.acquisition a
set superseded_by = c.superseded_by
from changed c
where c.acquisition_id = a.acquisition_id
returning a.acquisition_id
