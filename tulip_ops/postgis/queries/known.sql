-- State, baseline and areas of those of these acquisitions that the ledger has.
select
    a.acquisition_id, a.state, a.verdict, a.baseline,
    array(
        select l.area from tulip.acquisition_area l where l.acquisition_id = a.acquisition_id
    ) as areas
from tulip.acquisition a
where a.acquisition_id = any(%(ids)s::text[])
