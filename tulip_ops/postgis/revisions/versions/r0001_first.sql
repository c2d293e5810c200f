-- The first tables, views and rights of the schema tulip.
-- Runs as tulip_owner, so that everything is owned by that role whoever migrates.

create table tulip.area (
    name text primary key check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    geometry geometry(MultiPolygon, 4326) not null
        check (st_isvalid(geometry) and not st_isempty(geometry)),
    created_at timestamptz not null default now()
);
create index area_geometry on tulip.area using gist (geometry);

comment on table tulip.area is
    'Areas of interest: what discovery looks over. All geometries of this schema are EPSG:4326, longitude first; all areas are square metres on the WGS84 ellipsoid (geodesic).';
comment on column tulip.area.name is 'Lower-case letters, digits, - and _; up to 63.';
comment on column tulip.area.geometry is 'Ground of the area, EPSG:4326.';
comment on column tulip.area.created_at is 'When it was added.';


create table tulip.acquisition (
    acquisition_id text primary key check (
        acquisition_id ~ '^(S2[A-D]|SIM)_(0[1-9]|[1-5][0-9]|60)[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]_[0-9]{8}_[0-9]{1,3}_(L1C|L2A)$'
    ),
    platform text not null generated always as (split_part(acquisition_id, '_', 1)) stored,
    tile text not null generated always as (split_part(acquisition_id, '_', 2)) stored,
    day date not null generated always as (
        make_date(
            substr(split_part(acquisition_id, '_', 3), 1, 4)::integer,
            substr(split_part(acquisition_id, '_', 3), 5, 2)::integer,
            substr(split_part(acquisition_id, '_', 3), 7, 2)::integer
        )
    ) stored,
    sequence integer not null
        generated always as (split_part(acquisition_id, '_', 4)::integer) stored,
    level text not null generated always as (split_part(acquisition_id, '_', 5)) stored,
    season integer not null
        generated always as (substr(split_part(acquisition_id, '_', 3), 1, 4)::integer) stored,
    simulated boolean not null
        generated always as (split_part(acquisition_id, '_', 1) = 'SIM') stored,
    sensed_at timestamptz not null,
    source text not null,
    href text not null,
    footprint geometry(MultiPolygon, 4326) not null check (not st_isempty(footprint)),
    bands text[] not null check (cardinality(bands) > 0),
    state text not null default 'discovered' check (
        state in (
            'discovered', 'acquired', 'screened', 'segmented', 'vectorized', 'recorded',
            'skipped', 'failed', 'quarantined'
        )
    ),
    reached text check (reached in ('acquire', 'screen', 'segment', 'vectorize', 'record')),
    verdict text check (verdict !~ '\n'),
    clear_fraction real check (clear_fraction between 0 and 1),
    detections_sha256 text check (detections_sha256 ~ '^[0-9a-f]{64}$'),
    discovered_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((reached is null) = (state = 'discovered')),
    check (state not in ('skipped', 'failed', 'quarantined') or verdict is not null)
);
create index acquisition_footprint on tulip.acquisition using gist (footprint);
create index acquisition_season on tulip.acquisition (season);
create index acquisition_state on tulip.acquisition (state);

comment on table tulip.acquisition is
    'The ledger: one row for each Sentinel-2 acquisition ever found over an area, and how far it came. Two processings of one overpass are two rows.';
comment on column tulip.acquisition.acquisition_id is
    'Such as S2B_31UFU_20260420_0_L2A: platform, tile, day, sequence, level. Also the folder of its products.';
comment on column tulip.acquisition.platform is
    'S2A to S2D, or SIM for a scene made by the simulator; from the id.';
comment on column tulip.acquisition.tile is 'MGRS tile, such as 31UFU; from the id.';
comment on column tulip.acquisition.day is 'Day of sensing, UTC; from the id.';
comment on column tulip.acquisition.sequence is
    'Counts datastrips and reprocessings of one overpass from 0; from the id.';
comment on column tulip.acquisition.level is
    'L1C (top of atmosphere) or L2A (surface reflectance); from the id.';
comment on column tulip.acquisition.season is 'Calendar year of the bloom; from the id.';
comment on column tulip.acquisition.simulated is
    'True where the pixels come from the simulator and not from a satellite; from the id.';
comment on column tulip.acquisition.sensed_at is 'Time of sensing.';
comment on column tulip.acquisition.source is 'Name of the source that offered it.';
comment on column tulip.acquisition.href is 'Where that source keeps its STAC item.';
comment on column tulip.acquisition.footprint is 'Ground covered by the scene, EPSG:4326.';
comment on column tulip.acquisition.bands is
    'STAC common names of the bands that the scene offers, in its own order.';
comment on column tulip.acquisition.state is
    'discovered, then acquired, screened, segmented, vectorized, recorded as the steps are done; skipped (nothing more to do), failed (the last attempt failed; a repeat may help) or quarantined (its pixels contradict its metadata) otherwise.';
comment on column tulip.acquisition.reached is
    'The step that gave the state; null while discovered.';
comment on column tulip.acquisition.verdict is
    'Why it was skipped, failed or quarantined, in one line; null otherwise.';
comment on column tulip.acquisition.clear_fraction is
    'Share of the ground over the areas that the cloud filter calls clear, 0 to 1; null before screening.';
comment on column tulip.acquisition.detections_sha256 is
    'SHA-256 of what its rows in tulip.detection were recorded from; null where nothing is recorded.';
comment on column tulip.acquisition.discovered_at is 'When the ledger first took it.';
comment on column tulip.acquisition.updated_at is
    'When its state last changed; a repeat that finds everything current leaves it.';


create table tulip.acquisition_area (
    acquisition_id text not null
        references tulip.acquisition on delete cascade,
    area text not null references tulip.area on delete cascade on update cascade,
    primary key (acquisition_id, area)
);
create index acquisition_area_area on tulip.acquisition_area (area);

comment on table tulip.acquisition_area is 'Over which areas of interest an acquisition lies.';
comment on column tulip.acquisition_area.acquisition_id is 'The acquisition.';
comment on column tulip.acquisition_area.area is 'Name of an area that its footprint reaches.';


create table tulip.attempt (
    attempt_id bigint generated always as identity primary key,
    acquisition_id text references tulip.acquisition on delete cascade,
    step text not null check (
        step in ('discover', 'acquire', 'screen', 'segment', 'vectorize', 'record', 'history')
    ),
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz check (ended_at >= started_at),
    outcome text check (outcome in ('done', 'skipped', 'failed')),
    error text,
    message text,
    run_id text not null,
    figures jsonb not null default '{}' check (jsonb_typeof(figures) = 'object'),
    check ((outcome is null) = (ended_at is null)),
    check ((error is not null) = coalesce(outcome = 'failed', false))
);
create index attempt_acquisition_id on tulip.attempt (acquisition_id, started_at);

comment on table tulip.attempt is
    'Every attempt of every step that did something or failed. An attempt that found everything as it should be leaves no row, so that repeating a finished step changes nothing.';
comment on column tulip.attempt.attempt_id is 'Counts the attempts; gaps are normal.';
comment on column tulip.attempt.acquisition_id is
    'The acquisition; null for steps over many: discover and history.';
comment on column tulip.attempt.step is
    'discover, acquire, screen, segment, vectorize, record or history.';
comment on column tulip.attempt.started_at is 'When it began.';
comment on column tulip.attempt.ended_at is
    'When it ended; null while it runs. If its process was killed, when the next attempt noted that.';
comment on column tulip.attempt.outcome is 'done, skipped or failed; null while it runs.';
comment on column tulip.attempt.error is 'Name of the error if it failed, such as SourceUnavailable; Killed if its process ended without a word.';
comment on column tulip.attempt.message is 'What it said of itself, in one line without passwords.';
comment on column tulip.attempt.run_id is
    'Which run began it: the Airflow run, or a name given by hand.';
comment on column tulip.attempt.figures is 'Numbers that the step reported.';


create table tulip.model (
    model_id integer generated always as identity primary key,
    name text not null,
    version text not null,
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    unique (name, version, sha256)
);

comment on table tulip.model is 'The networks that made what is recorded.';
comment on column tulip.model.model_id is 'Identity.';
comment on column tulip.model.name is 'Folder below models/, such as unet-rgb.';
comment on column tulip.model.version is 'Version within that folder.';
comment on column tulip.model.sha256 is 'SHA-256 of the weights.';


create table tulip.detection (
    detection_id bigint generated always as identity primary key,
    acquisition_id text not null references tulip.acquisition on delete cascade,
    ordinal integer not null check (ordinal >= 0),
    unet_id integer not null references tulip.model,
    cloud_filter_id integer not null references tulip.model,
    geometry geometry(Polygon, 4326) not null
        check (st_isvalid(geometry) and not st_isempty(geometry)),
    area_m2 double precision not null check (area_m2 > 0),
    tulip_probability real not null check (tulip_probability between 0 and 1),
    tulip_probability_std real not null check (tulip_probability_std between 0 and 1),
    bloom_fraction real not null check (bloom_fraction between 0 and 1),
    run_id text not null,
    unique (acquisition_id, ordinal)
);
create index detection_geometry on tulip.detection using gist (geometry);
create index detection_unet_id on tulip.detection (unet_id);
create index detection_cloud_filter_id on tulip.detection (cloud_filter_id);

comment on table tulip.detection is
    'Polygons that one acquisition shows as tulips, each with the networks that made it.';
comment on column tulip.detection.detection_id is
    'Identity; new when the acquisition is recorded anew with a different result.';
comment on column tulip.detection.acquisition_id is 'The acquisition that shows it.';
comment on column tulip.detection.ordinal is
    'Counts the detections of the acquisition from 0, north to south, then west to east.';
comment on column tulip.detection.unet_id is 'The U-Net that found it: tulip.model.';
comment on column tulip.detection.cloud_filter_id is
    'The cloud filter that called its ground clear: tulip.model.';
comment on column tulip.detection.geometry is 'Outline with holes, EPSG:4326.';
comment on column tulip.detection.area_m2 is 'Geodesic area, square metres.';
comment on column tulip.detection.tulip_probability is
    'Mean probability of tulips over its pixels, 0 to 1.';
comment on column tulip.detection.tulip_probability_std is
    'Standard deviation of that probability over its pixels.';
comment on column tulip.detection.bloom_fraction is
    'Share of its seen pixels that are in flower, 0 to 1.';
comment on column tulip.detection.run_id is 'Which run recorded it.';


create table tulip.field (
    field_id bigint generated always as identity primary key,
    simulated boolean not null,
    geometry geometry(Polygon, 4326) not null
        check (st_isvalid(geometry) and not st_isempty(geometry)),
    area_m2 double precision not null check (area_m2 > 0)
);
create index field_geometry on tulip.field using gist (geometry);

comment on table tulip.field is
    'Tulip fields with an identity across seasons. Simulated fields and real ones never share a row.';
comment on column tulip.field.field_id is 'Identity, kept from season to season.';
comment on column tulip.field.simulated is
    'True where the field was detected in simulated acquisitions.';
comment on column tulip.field.geometry is 'Outline in the first season that shows it, EPSG:4326.';
comment on column tulip.field.area_m2 is 'Geodesic area of the outline, square metres.';


create table tulip.field_detection (
    field_id bigint not null references tulip.field on delete cascade,
    detection_id bigint not null references tulip.detection on delete cascade,
    primary key (field_id, detection_id)
);
create index field_detection_detection_id on tulip.field_detection (detection_id);

comment on table tulip.field_detection is
    'Which detections are which field: decided when a season is rolled up, so that history is a join on identity and never on space.';
comment on column tulip.field_detection.field_id is 'The field.';
comment on column tulip.field_detection.detection_id is 'A detection of it.';


create table tulip.observation (
    field_id bigint not null references tulip.field on delete cascade,
    acquisition_id text not null references tulip.acquisition on delete cascade,
    verdict text not null check (verdict in ('bloom', 'no_bloom', 'not_seen')),
    clear_fraction real not null check (clear_fraction between 0 and 1),
    tulip_probability real check (tulip_probability between 0 and 1),
    bloom_fraction real check (bloom_fraction between 0 and 1),
    primary key (field_id, acquisition_id),
    check ((tulip_probability is null) = (bloom_fraction is null)),
    check (clear_fraction > 0 or (tulip_probability is null and verdict = 'not_seen')),
    check (verdict = 'not_seen' or tulip_probability is not null)
);
create index observation_acquisition_id on tulip.observation (acquisition_id);

comment on table tulip.observation is
    'What each acquisition says of each field under it, "not seen" included.';
comment on column tulip.observation.field_id is 'The field.';
comment on column tulip.observation.acquisition_id is 'The acquisition that looked at it.';
comment on column tulip.observation.verdict is
    'bloom, no_bloom, or not_seen where clouds or missing pixels leave too little to decide.';
comment on column tulip.observation.clear_fraction is
    'Share of the field that was measured and clear, 0 to 1.';
comment on column tulip.observation.tulip_probability is
    'Mean probability of tulips over the clear pixels, 0 to 1; null where none was clear.';
comment on column tulip.observation.bloom_fraction is
    'Share of the clear pixels that are in flower, 0 to 1; null where none was clear.';


create table tulip.field_season (
    field_id bigint not null references tulip.field on delete cascade,
    season integer not null,
    verdict text not null check (verdict in ('bloomed', 'not_bloomed', 'not_seen')),
    clear_looks integer not null check (clear_looks >= 0),
    area_m2 double precision check (area_m2 > 0),
    onset_earliest date,
    onset_latest date,
    peak date,
    end_earliest date,
    end_latest date,
    peak_bloom_fraction real check (peak_bloom_fraction between 0 and 1),
    primary key (field_id, season),
    check (onset_earliest <= onset_latest),
    check (end_earliest <= end_latest),
    check (onset_latest <= end_earliest),
    check (onset_latest is not null or onset_earliest is null),
    check (end_earliest is not null or end_latest is null)
);
create index field_season_season on tulip.field_season (season);

comment on table tulip.field_season is
    'What a season''s observations together say of each field. tulip.bloom_history adds the season before.';
comment on column tulip.field_season.field_id is 'The field.';
comment on column tulip.field_season.season is 'Calendar year of the bloom.';
comment on column tulip.field_season.verdict is
    'bloomed, not_bloomed, or not_seen where no clear look fell into the bloom window.';
comment on column tulip.field_season.clear_looks is
    'Observations inside the bloom window other than not_seen.';
comment on column tulip.field_season.area_m2 is
    'Geodesic area as detected in this season, square metres; null where it was not detected.';
comment on column tulip.field_season.onset_earliest is
    'Earliest possible first day in bloom; null where no clear look without bloom came before.';
comment on column tulip.field_season.onset_latest is
    'Latest possible first day in bloom: the first day seen in bloom; null where it did not bloom.';
comment on column tulip.field_season.peak is
    'Day of the largest bloom fraction seen; null where it did not bloom.';
comment on column tulip.field_season.end_earliest is
    'Earliest possible last day in bloom: the last day seen in bloom; null where it did not bloom.';
comment on column tulip.field_season.end_latest is
    'Latest possible last day in bloom; null where no clear look without bloom came after.';
comment on column tulip.field_season.peak_bloom_fraction is
    'Largest bloom fraction seen, 0 to 1.';


create view tulip.bloom_history as
with seasons as (
    select
        fs.*,
        lag(fs.season) over field as last_season,
        lag(fs.verdict) over field as last_verdict,
        lag(fs.area_m2) over field as last_area_m2,
        max(fs.season) filter (where fs.verdict = 'bloomed') over (
            partition by fs.field_id order by fs.season
            rows between unbounded preceding and 1 preceding
        ) as last_bloom
    from tulip.field_season fs
    window field as (partition by fs.field_id order by fs.season)
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
    f.geometry
from compared c
join tulip.field f using (field_id);

comment on view tulip.bloom_history is
    'Each field in each season beside the season before: the table to ask which fields bloomed when. Key: field_id, season.';
comment on column tulip.bloom_history.field_id is 'The field.';
comment on column tulip.bloom_history.season is 'Calendar year of the bloom.';
comment on column tulip.bloom_history.simulated is
    'True where this comes from simulated acquisitions and not from a satellite.';
comment on column tulip.bloom_history.verdict is 'bloomed, not_bloomed or not_seen.';
comment on column tulip.bloom_history.previous_verdict is
    'Verdict of the season before; null where that season is not in the history.';
comment on column tulip.bloom_history.change is
    'new (bloomed, not known to have bloomed before), returning (bloomed after a season without), continuing (bloomed twice running), gone (bloomed the season before), absent (neither), unknown (this season or the one before was not seen).';
comment on column tulip.bloom_history.last_bloom_season is
    'Last earlier season in which it was seen to bloom; null where there is none.';
comment on column tulip.bloom_history.years_since_bloom is
    'Seasons since then; at most that many, where seasons between were not seen.';
comment on column tulip.bloom_history.area_m2 is
    'Geodesic area as detected in this season, square metres; null where it was not detected.';
comment on column tulip.bloom_history.area_change_m2 is
    'That area less the area of the season before, where it bloomed in both; square metres.';
comment on column tulip.bloom_history.clear_looks is
    'Observations inside the bloom window other than not_seen.';
comment on column tulip.bloom_history.onset_earliest is 'Earliest possible first day in bloom.';
comment on column tulip.bloom_history.onset_latest is 'Latest possible first day in bloom.';
comment on column tulip.bloom_history.peak is 'Day of the largest bloom fraction seen.';
comment on column tulip.bloom_history.end_earliest is 'Earliest possible last day in bloom.';
comment on column tulip.bloom_history.end_latest is 'Latest possible last day in bloom.';
comment on column tulip.bloom_history.peak_bloom_fraction is
    'Largest bloom fraction seen, 0 to 1.';
comment on column tulip.bloom_history.geometry is 'Outline of the field, EPSG:4326.';


create view tulip.season_summary as
with looked as (
    select
        l.area,
        a.season,
        a.simulated,
        count(*) filter (where a.state = 'recorded') as recorded,
        count(*) filter (where a.state = 'skipped') as skipped,
        count(*) filter (where a.state in ('failed', 'quarantined')) as failed,
        count(*) filter (
            where a.state not in ('recorded', 'skipped', 'failed', 'quarantined')
        ) as unfinished
    from tulip.acquisition_area l
    join tulip.acquisition a using (acquisition_id)
    group by l.area, a.season, a.simulated
), inside as (
    select r.name as area, f.field_id, f.simulated
    from tulip.area r
    join tulip.field f
        on f.geometry && r.geometry
        and st_intersects(r.geometry, st_pointonsurface(f.geometry))
), seen as (
    select
        i.area,
        s.season,
        i.simulated,
        avg(s.clear_looks) as clear_looks,
        count(*) filter (where s.verdict = 'bloomed') as bloomed,
        count(*) filter (where s.verdict = 'not_bloomed') as not_bloomed,
        count(*) filter (where s.verdict = 'not_seen') as not_seen,
        sum(s.area_m2) filter (where s.verdict = 'bloomed') / 1e4 as hectares,
        min(s.onset_latest) as earliest_onset,
        percentile_disc(0.5) within group (order by s.peak) as median_peak
    from inside i
    join tulip.field_season s using (field_id)
    group by i.area, s.season, i.simulated
), summary as (
    select
        l.*,
        s.clear_looks,
        coalesce(s.bloomed, 0) as bloomed,
        coalesce(s.not_bloomed, 0) as not_bloomed,
        coalesce(s.not_seen, 0) as not_seen,
        case when l.recorded > 0 then coalesce(s.hectares, 0) end as hectares,
        s.earliest_onset,
        s.median_peak
    from looked l
    left join seen s using (area, season, simulated)
)
select
    now.area,
    now.season,
    now.simulated,
    now.recorded as acquisitions_recorded,
    now.skipped as acquisitions_skipped,
    now.failed as acquisitions_failed,
    now.unfinished as acquisitions_unfinished,
    round(now.clear_looks, 1) as clear_looks,
    now.bloomed as fields_bloomed,
    now.not_bloomed as fields_not_bloomed,
    now.not_seen as fields_not_seen,
    round(now.hectares::numeric, 2) as bloomed_ha,
    round((now.hectares - before.hectares)::numeric, 2) as bloomed_change_ha,
    now.earliest_onset,
    now.median_peak
from summary now
left join summary before
    on before.area = now.area
    and before.season = now.season - 1
    and before.simulated = now.simulated;

comment on view tulip.season_summary is
    'Each area of interest in each season. A field counts in the areas that hold a point on its surface. Key: area, season, simulated.';
comment on column tulip.season_summary.area is 'Name of the area.';
comment on column tulip.season_summary.season is 'Calendar year of the bloom.';
comment on column tulip.season_summary.simulated is
    'True where this comes from simulated acquisitions and not from a satellite.';
comment on column tulip.season_summary.acquisitions_recorded is
    'Acquisitions over the area that were carried to the end.';
comment on column tulip.season_summary.acquisitions_skipped is
    'Acquisitions with nothing to see, most of them too cloudy.';
comment on column tulip.season_summary.acquisitions_failed is
    'Acquisitions that failed or are quarantined; tulip.acquisition.verdict says why.';
comment on column tulip.season_summary.acquisitions_unfinished is
    'Acquisitions that are still on their way.';
comment on column tulip.season_summary.clear_looks is
    'Clear looks inside the bloom window that a field had, on average; null without fields.';
comment on column tulip.season_summary.fields_bloomed is 'Fields that bloomed.';
comment on column tulip.season_summary.fields_not_bloomed is
    'Fields, known from other seasons, that were seen and did not bloom.';
comment on column tulip.season_summary.fields_not_seen is
    'Fields, known from other looks, of which the season allows no verdict.';
comment on column tulip.season_summary.bloomed_ha is
    'Geodesic area of the fields that bloomed, as detected in the season; hectares; null where no acquisition was recorded, so that nothing was seen.';
comment on column tulip.season_summary.bloomed_change_ha is
    'That area less the one of the season before, hectares; null where there is none. Fields not seen in either season are missing from it.';
comment on column tulip.season_summary.earliest_onset is
    'First day on which a field was seen in bloom.';
comment on column tulip.season_summary.median_peak is
    'Median over the fields that bloomed of the day of their peak.';


create view tulip.latest_acquisitions as
select distinct on (l.area, a.tile, a.simulated)
    l.area,
    a.tile,
    a.simulated,
    a.acquisition_id,
    a.sensed_at,
    a.source,
    a.state,
    a.verdict,
    a.clear_fraction,
    a.updated_at,
    a.footprint
from tulip.acquisition_area l
join tulip.acquisition a using (acquisition_id)
order by l.area, a.tile, a.simulated, a.sensed_at desc, a.sequence desc, a.acquisition_id;

comment on view tulip.latest_acquisitions is
    'The newest acquisition of each area and tile: how fresh the history is. Key: area, tile, simulated.';
comment on column tulip.latest_acquisitions.area is 'Name of the area.';
comment on column tulip.latest_acquisitions.tile is 'MGRS tile.';
comment on column tulip.latest_acquisitions.simulated is
    'True where it comes from the simulator and not from a satellite.';
comment on column tulip.latest_acquisitions.acquisition_id is 'The acquisition.';
comment on column tulip.latest_acquisitions.sensed_at is 'Time of sensing.';
comment on column tulip.latest_acquisitions.source is 'Name of the source that offered it.';
comment on column tulip.latest_acquisitions.state is 'How far it came; see tulip.acquisition.';
comment on column tulip.latest_acquisitions.verdict is
    'Why it was skipped, failed or quarantined; null otherwise.';
comment on column tulip.latest_acquisitions.clear_fraction is
    'Share of the ground over the areas that is clear, 0 to 1; null before screening.';
comment on column tulip.latest_acquisitions.updated_at is 'When its state last changed.';
comment on column tulip.latest_acquisitions.footprint is
    'Ground covered by the scene, EPSG:4326.';


comment on table tulip.alembic_version is 'Which migration this schema is at; one row.';
comment on column tulip.alembic_version.version_num is 'Revision, such as 0001.';

grant usage on schema tulip to tulip_reader, tulip_writer;
grant select on all tables in schema tulip to tulip_reader, tulip_writer;
grant insert, update, delete on
    tulip.area, tulip.acquisition, tulip.acquisition_area, tulip.attempt, tulip.model,
    tulip.detection, tulip.field, tulip.field_detection, tulip.observation, tulip.field_season
    to tulip_writer;
alter default privileges in schema tulip grant select on tables to tulip_reader, tulip_writer;
alter default privileges in schema tulip grant insert, update, delete on tables to tulip_writer;
