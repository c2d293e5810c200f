-- Keep what a season says of fields; rows that say the same already are not touched.
insert into tulip.field_season as old (
    field_id, season, verdict, clear_looks, area_m2, onset_earliest, onset_latest, peak,
    end_earliest, end_latest, peak_bloom_fraction
)
select
    field_id, %(year)s, verdict, clear_looks, area_m2, onset_earliest, onset_latest, peak,
    end_earliest, end_latest, peak_bloom_fraction
from unnest(
    %(field_id)s::bigint[], %(verdict)s::text[], %(clear_looks)s::integer[],
    %(area_m2)s::double precision[], %(onset_earliest)s::date[], %(onset_latest)s::date[],
    %(peak)s::date[], %(end_earliest)s::date[], %(end_latest)s::date[],
    %(peak_bloom_fraction)s::real[]
) as said (
    field_id, verdict, clear_looks, area_m2, onset_earliest, onset_latest, peak,
    end_earliest, end_latest, peak_bloom_fraction
)
on conflict (field_id, season) do update
set
    verdict = excluded.verdict,
    clear_looks = excluded.clear_looks,
    area_m2 = excluded.area_m2,
    onset_earliest = excluded.onset_earliest,
    onset_latest = excluded.onset_latest,
    peak = excluded.peak,
    end_earliest = excluded.end_earliest,
    end_latest = excluded.end_latest,
    peak_bloom_fraction = excluded.peak_bloom_fraction
where old.* is distinct from excluded.*
