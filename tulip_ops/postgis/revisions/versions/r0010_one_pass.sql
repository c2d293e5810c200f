-- The history in one pass over the seasons.

create or replace view tulip.bloom_history as
with seasons as (
    select
        fs.*,
        lag(fs.season) over field as last_season,
        lag(fs.verdict) over field as last_verdict,
        lag(fs.area_m2) over field as last_area_m2,
        max(fs.season) filter (where fs.verdict = 'bloomed') over field as last_bloom
    from tulip.field_season fs
    window field as (  -- one for all: another frame would pass over the table once more
        partition by fs.field_id order by fs.season
        rows between unbounded preceding and 1 preceding
    )
), compared as (
    select
        s.*,
        case when s.last_season = s.season - 1 then s.last_verdict end as previous_verdict,
        case when s.last_season = s.season - 1 then s.last_area_m2 end as previous_area_m2
    from seasons s
)
select
    c.field_id,
    c.season,
    f.simulated,
    c.verdict,
    c.previous_verdict,
    case
        when c.verdict = 'not_seen' or coalesce(c.previous_verdict, 'not_seen') = 'not_seen'
            then 'unknown'
        when c.verdict = 'bloomed' and c.previous_verdict = 'bloomed' then 'continuing'
        when c.verdict = 'bloomed' and c.last_bloom is not null then 'returning'
        when c.verdict = 'bloomed' then 'new'
        when c.previous_verdict = 'bloomed' then 'gone'
        else 'absent'
    end as change,
    c.last_bloom as last_bloom_season,
    c.season - c.last_bloom as years_since_bloom,
    c.area_m2,
    case
        when c.verdict = 'bloomed' and c.previous_verdict = 'bloomed'
            then c.area_m2 - c.previous_area_m2
    end as area_change_m2,
    c.clear_looks,
    c.onset_earliest,
    c.onset_latest,
    c.peak,
    c.end_earliest,
    c.end_latest,
    c.peak_bloom_fraction,
    f.geometry,
    c.peak_earliest,
    c.peak_latest,
    c.confidence
from compared c
join tulip.field f using (field_id);
