-- Writers may number fields; the bloom layer shows how sure the history is.

-- The history numbers new fields itself, before it inserts them.
grant usage on all sequences in schema tulip to tulip_writer;
alter default privileges in schema tulip grant usage on sequences to tulip_writer;


create or replace view tulip.bloom_layer as
select
    b.field_id * 10000 + b.season as id,
    b.field_id,
    b.season,
    b.simulated,
    b.verdict,
    b.previous_verdict,
    b.change,
    b.last_bloom_season,
    b.years_since_bloom,
    b.area_m2,
    b.area_change_m2,
    b.clear_looks,
    b.onset_earliest,
    b.onset_latest,
    b.peak,
    b.end_earliest,
    b.end_latest,
    b.peak_bloom_fraction,
    b.geometry,
    b.peak_earliest,
    b.peak_latest,
    b.confidence
from tulip.bloom_history b;

comment on column tulip.bloom_layer.peak is
    'Most likely day of the largest bloom fraction.';
comment on column tulip.bloom_layer.peak_earliest is
    'Earliest possible day of the peak; null where no look bounds it.';
comment on column tulip.bloom_layer.peak_latest is
    'Latest possible day of the peak; null where no look bounds it.';
comment on column tulip.bloom_layer.confidence is
    'How sure the verdict is, 0 to 1; 0 where not_seen.';
