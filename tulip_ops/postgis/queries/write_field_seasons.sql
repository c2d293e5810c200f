-- Make these rows all that these seasons say of these fields; rows that say the same already are
-- not touched. Returns the season of each row that changed or went.
with gone as (
    delete from tulip.field_season s
    using unnest(%(stale_ids)s::bigint[], %(stale_seasons)s::integer[]) as t (field_id, season)
    where s.field_id = t.field_id
        and s.season = t.season
        and not exists (
            select from unnest(%(field_id)s::bigint[], %(season)s::integer[]) as k (field_id, season)
            where k.field_id = s.field_id and k.season = s.season
        )
    returning s.season
), kept as (
    insert into tulip.field_season as old (
        field_id, season, verdict, clear_looks, area_m2, onset_earliest, onset_latest, peak,
        peak_earliest, peak_latest, end_earliest, end_latest, peak_bloom_fraction, confidence,
        tulip_probability, looks_for, looks_against, touches_edge
    )
    select * from unnest(
        %(field_id)s::bigint[], %(season)s::integer[], %(verdict)s::text[],
        %(clear_looks)s::integer[], %(area_m2)s::double precision[], %(onset_earliest)s::date[],
        %(onset_latest)s::date[], %(peak)s::date[], %(peak_earliest)s::date[],
        %(peak_latest)s::date[], %(end_earliest)s::date[], %(end_latest)s::date[],
        %(peak_bloom_fraction)s::real[], %(confidence)s::real[], %(tulip_probability)s::real[],
        %(looks_for)s::integer[], %(looks_against)s::integer[], %(touches_edge)s::boolean[]
    )
    on conflict (field_id, season) do update
    set
        verdict = excluded.verdict,
        clear_looks = excluded.clear_looks,
        area_m2 = excluded.area_m2,
        onset_earliest = excluded.onset_earliest,
        onset_latest = excluded.onset_latest,
        peak = excluded.peak,
        peak_earliest = excluded.peak_earliest,
        peak_latest = excluded.peak_latest,
        end_earliest = excluded.end_earliest,
        end_latest = excluded.end_latest,
        peak_bloom_fraction = excluded.peak_bloom_fraction,
        confidence = excluded.confidence,
        tulip_probability = excluded.tulip_probability,
        looks_for = excluded.looks_for,
        looks_against = excluded.looks_against,
        touches_edge = excluded.touches_edge
    where old.* is distinct from excluded.*
    returning season
)
select season from gone union all select season from kept
