-- Fields are drawn from what all looks of a season say together, tile by tile.

-- What seasons said of fields drawn from single detections can still be asked for.
alter table tulip.past_field_season
    add column drawn_from text not null default 'detections'
        check (drawn_from in ('detections', 'evidence')),
    drop constraint past_field_season_pkey,
    add primary key (unet_id, field_id, season, drawn_from);
alter table tulip.past_field_season alter column drawn_from set default 'evidence';

comment on column tulip.past_field_season.drawn_from is
    'detections: fields were the union of what single acquisitions show; evidence: they are drawn from all looks of a season together, as since revision 0011.';
comment on table tulip.past_field_season is
    'What a season said of a field before another U-Net, or another way to draw fields, replaced it. tulip.bloom_history_of(name, version) puts the state of a model together.';

insert into tulip.past_field_season (
    unet_id, field_id, season, simulated, verdict, clear_looks, area_m2, onset_earliest,
    onset_latest, peak, end_earliest, end_latest, confidence, geometry, drawn_from
)
select
    u.unet_id, s.field_id, s.season, f.simulated, s.verdict, s.clear_looks, s.area_m2,
    s.onset_earliest, s.onset_latest, s.peak, s.end_earliest, s.end_latest, s.confidence,
    f.geometry, 'detections'
from tulip.field_season s
join tulip.field f using (field_id)
join lateral (
    select max(a.unet_id) as unet_id
    from tulip.observation o
    join tulip.acquisition a using (acquisition_id)
    where o.field_id = s.field_id and o.season = s.season and a.superseded_by is null
) u on u.unet_id is not null
on conflict do nothing;


create table tulip.season_detection (
    season_detection_id bigint generated always as identity primary key,
    season integer not null,
    simulated boolean not null,
    tile text not null,
    geometry geometry(Polygon, 4326) not null
        check (st_isvalid(geometry) and not st_isempty(geometry)),
    area_m2 double precision not null check (area_m2 > 0),
    tulip_probability real not null check (tulip_probability between 0 and 1),
    touches_edge boolean not null
);
create index season_detection_tile on tulip.season_detection (season, simulated, tile);
create index season_detection_geometry on tulip.season_detection using gist (geometry);

comment on table tulip.season_detection is
    'Fields as all looks of a season at one tile show them together. Neighbouring tiles overlap, and may show the same field: tulip.field_outline has each once.';
comment on column tulip.season_detection.season_detection_id is
    'Counts what was drawn; gaps are normal.';
comment on column tulip.season_detection.season is 'Calendar year of the bloom.';
comment on column tulip.season_detection.simulated is
    'True where the acquisitions are simulated.';
comment on column tulip.season_detection.tile is 'The MGRS tile.';
comment on column tulip.season_detection.geometry is 'Outline, EPSG:4326.';
comment on column tulip.season_detection.area_m2 is 'Geodesic area, square metres.';
comment on column tulip.season_detection.tulip_probability is
    'Mean over its pixels of the probability of tulips over the season, 0 to 1.';
comment on column tulip.season_detection.touches_edge is
    'True where it reaches the edge of the ground that was seen, so that a part may be missing.';


create table tulip.outline_source (
    field_id bigint not null references tulip.field on delete cascade,
    season integer not null,
    season_detection_id bigint not null references tulip.season_detection on delete cascade,
    primary key (field_id, season, season_detection_id)
);
create index outline_source_season_detection_id on tulip.outline_source (season_detection_id);

comment on table tulip.outline_source is
    'Which season detections are which field: those of several tiles may be one.';
comment on column tulip.outline_source.field_id is 'The field.';
comment on column tulip.outline_source.season is 'The season, as in tulip.field_outline.';
comment on column tulip.outline_source.season_detection_id is 'A season detection of it.';


alter table tulip.field_outline
    add column detected_area_m2 double precision check (detected_area_m2 > 0),
    add column tulip_probability real check (tulip_probability between 0 and 1),
    add column touches_edge boolean not null default false;

comment on table tulip.field_outline is
    'Each field as one season draws it. Outlines of different seasons that cover each other are one field: the identity is stored here, and never looked for by space when somebody asks.';
comment on column tulip.field_outline.geometry is
    'Outline in this season, EPSG:4326: from all looks of the season together, or of the parcel.';
comment on column tulip.field_outline.parcel_id is
    'The registered parcel that gives the outline; null where the season''s looks do.';
comment on column tulip.field_outline.detected_area_m2 is
    'Geodesic area on which the season shows tulips, square metres: of a parcel, a part.';
comment on column tulip.field_outline.tulip_probability is
    'Mean probability of tulips over the season, 0 to 1; null until the season is drawn anew.';
comment on column tulip.field_outline.touches_edge is
    'True where the field reaches the edge of the ground that was seen, so that a part may be missing.';


alter table tulip.field_season
    add column tulip_probability real check (tulip_probability between 0 and 1),
    add column looks_for integer not null default 0 check (looks_for >= 0),
    add column looks_against integer not null default 0 check (looks_against >= 0),
    add column touches_edge boolean not null default false;

comment on column tulip.field_season.area_m2 is
    'Geodesic area on which the season shows tulips, square metres; null where it shows none.';
comment on column tulip.field_season.tulip_probability is
    'Mean probability of tulips over the field, by all clear looks of the season together, 0 to 1; null where the season shows no field.';
comment on column tulip.field_season.looks_for is
    'Clear looks inside the bloom window by which tulips are more likely than not.';
comment on column tulip.field_season.looks_against is
    'Clear looks inside the bloom window by which they are not.';
comment on column tulip.field_season.touches_edge is
    'True where the field reaches the edge of the ground that was seen, so that a part may be missing.';
comment on column tulip.field_season.confidence is
    'How sure the verdict is, 0 to 1. bloomed: the share of fields with such evidence over the season that are tulips, measured on simulated seasons. not_bloomed: share of the possible blooms, as neighbours flowered, that a clear look would have met. not_seen: 0.';


-- What was drawn until now stands until the next history draws the seasons anew.
insert into tulip.season_detection (
    season, simulated, tile, geometry, area_m2, tulip_probability, touches_edge
)
select
    o.season, f.simulated, t.tile, o.geometry, o.area_m2, t.tulip_probability, false
from tulip.field_outline o
join tulip.field f using (field_id)
join lateral (
    select min(a.tile) as tile, avg(d.tulip_probability) as tulip_probability
    from tulip.field_detection l
    join tulip.detection d using (detection_id)
    join tulip.acquisition a using (acquisition_id)
    where l.field_id = o.field_id and a.season = o.season
) t on t.tile is not null;

insert into tulip.outline_source (field_id, season, season_detection_id)
select o.field_id, o.season, d.season_detection_id
from tulip.field_outline o
join tulip.field f using (field_id)
join tulip.season_detection d
    on d.season = o.season and d.simulated = f.simulated and d.geometry = o.geometry;


-- The history is told of tiles, not of detections.
drop trigger detection_came on tulip.detection;
drop trigger detection_went on tulip.detection;
drop trigger detection_was on tulip.detection;
drop trigger detection_is on tulip.detection;
drop function tulip.note_detections();
drop function tulip.note_detections_come();

truncate tulip.change;
alter table tulip.change
    drop column acquisition_id,
    drop column geometry,
    add column tile text not null;

comment on table tulip.change is
    'Tiles and seasons in which acquisitions came, went, or began or ceased to count since the last history, which draws their fields anew. Triggers fill it, the history empties it.';
comment on column tulip.change.season is 'Season of the acquisition.';
comment on column tulip.change.simulated is 'True where the acquisition is simulated.';
comment on column tulip.change.tile is 'Its MGRS tile.';

create or replace function tulip.note_supersession() returns trigger
language plpgsql as $$
begin
    insert into tulip.change (season, simulated, tile)
    select new.season, new.simulated, new.tile
    where new.detections_sha256 is not null or old.detections_sha256 is not null;
    if old.superseded_by is distinct from new.superseded_by then
        insert into tulip.stale (field_id, season)
        select o.field_id, o.season
        from tulip.observation o where o.acquisition_id = new.acquisition_id;
    end if;
    return null;
end
$$;

comment on function tulip.note_supersession() is
    'Trigger: where something else is recorded, or begins or ceases to count, the season of the tile is drawn anew.';

drop trigger acquisition_superseded on tulip.acquisition;
create trigger acquisition_superseded
    after update of superseded_by, detections_sha256 on tulip.acquisition
    for each row when (
        old.superseded_by is distinct from new.superseded_by
        or old.detections_sha256 is distinct from new.detections_sha256
    )
    execute function tulip.note_supersession();

create function tulip.note_leaving_acquisition() returns trigger
language plpgsql as $$
begin
    insert into tulip.change (season, simulated, tile)
    select old.season, old.simulated, old.tile where old.detections_sha256 is not null;
    return null;
end
$$;

comment on function tulip.note_leaving_acquisition() is
    'Trigger: the season of an acquisition that goes is drawn anew without it.';

create trigger acquisition_went after delete on tulip.acquisition
    for each row execute function tulip.note_leaving_acquisition();

insert into tulip.change (season, simulated, tile)
select distinct season, simulated, tile
from tulip.acquisition
where detections_sha256 is not null and superseded_by is null;


create or replace view tulip.status as
select 'area' as name, count(*) as row_count, max(created_at) as newest from tulip.area
union all
select 'acquisition', count(*), max(updated_at) from tulip.acquisition
union all
select 'acquisition recorded', count(*), max(sensed_at) from tulip.acquisition
where state = 'recorded' and superseded_by is null
union all
select 'attempt', count(*), max(started_at) from tulip.attempt
union all
select 'model', count(*), null from tulip.model
union all
select 'parcel', count(*), null from tulip.parcel
union all
select 'detection', count(*), null from tulip.detection
union all
select 'field', count(*), null from tulip.field
union all
select 'observation', count(*), null from tulip.observation
union all
select 'field_season', count(*), null from tulip.field_season
union all
select 'waiting for history: tiles', count(distinct (season, simulated, tile)), null
from tulip.change
union all
select 'waiting for history: acquisitions', count(*), min(updated_at) from tulip.acquisition
where not looked and state in ('recorded', 'skipped') and superseded_by is null;

comment on column tulip.status.name is
    'A table; or acquisition recorded: those that count; or what the next history has to do: tiles and seasons to draw anew, acquisitions that have not been observed.';


-- Detections of single acquisitions stay what they are; which field one shows is asked by space.
drop table tulip.field_detection;
create view tulip.field_detection as
select o.field_id, d.detection_id
from tulip.field_outline o
join tulip.field f using (field_id)
join tulip.detection d
    on d.geometry && o.geometry
    and st_area(st_intersection(d.geometry, o.geometry))
        >= 0.3 * least(st_area(d.geometry), st_area(o.geometry))
join tulip.acquisition a
    on a.acquisition_id = d.acquisition_id
    and a.season = o.season
    and a.simulated = f.simulated
where a.superseded_by is null;

comment on view tulip.field_detection is
    'Which detections of single acquisitions show which field: they share 0.3 of the smaller outline, in the same season.';
comment on column tulip.field_detection.field_id is 'The field.';
comment on column tulip.field_detection.detection_id is 'A detection that shows it.';


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
    c.confidence,
    c.tulip_probability,
    c.looks_for,
    c.looks_against,
    c.touches_edge
from compared c
join tulip.field f using (field_id);

comment on column tulip.bloom_history.tulip_probability is
    'Mean probability of tulips over the field, by all clear looks of the season together, 0 to 1; null where the season shows no field.';
comment on column tulip.bloom_history.looks_for is
    'Clear looks inside the bloom window by which tulips are more likely than not.';
comment on column tulip.bloom_history.looks_against is
    'Clear looks inside the bloom window by which they are not.';
comment on column tulip.bloom_history.touches_edge is
    'True where the field reaches the edge of the ground that was seen, so that a part may be missing.';


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
    b.confidence,
    b.tulip_probability,
    b.looks_for,
    b.looks_against,
    b.touches_edge
from tulip.bloom_history b;

comment on column tulip.bloom_layer.tulip_probability is
    'Mean probability of tulips over the season, 0 to 1; null where the season shows no field.';
comment on column tulip.bloom_layer.looks_for is
    'Clear looks inside the bloom window by which tulips are more likely than not.';
comment on column tulip.bloom_layer.looks_against is
    'Clear looks inside the bloom window by which they are not.';
comment on column tulip.bloom_layer.touches_edge is
    'True where the field reaches the edge of the ground that was seen.';
