-- A history that follows what changed, seasons with more to say, parcels, lineage.

create table tulip.parcel (
    parcel_id bigint generated always as identity primary key,
    season integer not null default 0 check (season = 0 or season between 2015 and 2100),
    key text not null check (key <> ''),
    geometry geometry(Polygon, 4326) not null
        check (st_isvalid(geometry) and not st_isempty(geometry)),
    area_m2 double precision not null check (area_m2 > 0),
    unique (season, key)
);
create index parcel_geometry on tulip.parcel using gist (geometry);

comment on table tulip.parcel is
    'Registered parcels, such as those of the Dutch BRP: with TULIP_FIELDS_FROM=parcels they are the outlines of fields. `tulip parcels import` fills it.';
comment on column tulip.parcel.parcel_id is 'Identity.';
comment on column tulip.parcel.season is
    'The season whose register it is from; 0 where it holds for every season without a register of its own or of an earlier season.';
comment on column tulip.parcel.key is
    'What the register calls it. The parts of a parcel in several parts are called key/1, key/2 and so on.';
comment on column tulip.parcel.geometry is 'Outline, EPSG:4326.';
comment on column tulip.parcel.area_m2 is 'Geodesic area, square metres.';


create table tulip.field_outline (
    field_id bigint not null references tulip.field on delete cascade,
    season integer not null,
    geometry geometry(Polygon, 4326) not null
        check (st_isvalid(geometry) and not st_isempty(geometry)),
    area_m2 double precision not null check (area_m2 > 0),
    parcel_id bigint references tulip.parcel on delete set null,
    primary key (field_id, season)
);
create index field_outline_geometry on tulip.field_outline using gist (geometry);
create index field_outline_season on tulip.field_outline (season);
create index field_outline_parcel_id on tulip.field_outline (parcel_id)
    where parcel_id is not null;

comment on table tulip.field_outline is
    'Each field as the detections of one season draw it. Outlines of different seasons that cover each other are one field: the identity is stored here, and never looked for by space when somebody asks.';
comment on column tulip.field_outline.field_id is 'The field.';
comment on column tulip.field_outline.season is 'A season that shows it.';
comment on column tulip.field_outline.geometry is
    'Outline in this season, EPSG:4326: of the detection on which the season''s acquisitions agree best, or of the parcel.';
comment on column tulip.field_outline.area_m2 is 'Geodesic area of the outline, square metres.';
comment on column tulip.field_outline.parcel_id is
    'The registered parcel that gives the outline; null where detections do.';


create table tulip.lineage (
    parent_id bigint not null references tulip.field on delete cascade,
    child_id bigint not null references tulip.field on delete cascade,
    season integer not null,
    kind text not null check (kind in ('split', 'merge', 'redrawn')),
    share double precision not null check (share > 0 and share <= 1),
    primary key (parent_id, child_id, season),
    check (parent_id <> child_id)
);
create index lineage_child_id on tulip.lineage (child_id);

comment on table tulip.lineage is
    'Which fields come from which: where a season shows a field on the ground of another one that was there before.';
comment on column tulip.lineage.parent_id is 'The field that was there before.';
comment on column tulip.lineage.child_id is 'The field that the season shows on its ground.';
comment on column tulip.lineage.season is 'The season that shows it.';
comment on column tulip.lineage.kind is
    'merge where the child lies on several earlier fields; else split where the parent carries several fields now; else redrawn.';
comment on column tulip.lineage.share is
    'Share of the child''s outline in the season that lies on the parent, above 0, up to 1.';


create table tulip.change (
    change_id bigint generated always as identity primary key,
    season integer not null,
    simulated boolean not null,
    geometry geometry(Polygon, 4326) not null
);
create index change_season on tulip.change (season, simulated);
create index change_geometry on tulip.change using gist (geometry);

comment on table tulip.change is
    'Ground on which detections came, went, or began or ceased to count since the last history: what the next one joins to fields. Triggers fill it, the history empties it.';
comment on column tulip.change.change_id is 'Counts the changes; gaps are normal.';
comment on column tulip.change.season is 'Season of the detection.';
comment on column tulip.change.simulated is 'True where the detection is simulated.';
comment on column tulip.change.geometry is 'Outline of the detection, EPSG:4326.';


create table tulip.stale (
    stale_id bigint generated always as identity primary key,
    field_id bigint not null,
    season integer not null
);

comment on table tulip.stale is
    'Fields whose season has to be summed up again, because an observation or a detection of them changed. Triggers fill it, the history empties it.';
comment on column tulip.stale.stale_id is 'Counts the rows; gaps are normal.';
comment on column tulip.stale.field_id is 'A field; it may be gone by now.';
comment on column tulip.stale.season is 'The season.';


alter table tulip.acquisition
    add column unet_id integer references tulip.model,
    add column looked boolean not null default false;
create index acquisition_unet_id on tulip.acquisition (unet_id);
create index acquisition_unlooked on tulip.acquisition (acquisition_id) where not looked;

comment on column tulip.acquisition.unet_id is
    'The U-Net whose result is recorded: tulip.model; null where nothing is recorded.';
comment on column tulip.acquisition.looked is
    'True where it has said of every field under it what it saw.';

update tulip.acquisition a
set unet_id = (select min(d.unet_id) from tulip.detection d where d.acquisition_id = a.acquisition_id)
where a.detections_sha256 is not null;


alter table tulip.field add column looked boolean not null default false;
create index field_unlooked on tulip.field (field_id) where not looked;

comment on column tulip.field.looked is
    'True where every acquisition over it has been asked since it was drawn.';
comment on column tulip.field.field_id is
    'Identity, kept from season to season and from history to history: a number without meaning.';


alter table tulip.observation
    add column season integer not null generated always as (
        substr(split_part(acquisition_id, '_', 3), 1, 4)::integer
    ) stored;
create index observation_season on tulip.observation (field_id, season);

comment on column tulip.observation.season is 'Calendar year of the acquisition; from its id.';


alter table tulip.field_season
    add column peak_earliest date,
    add column peak_latest date,
    add column confidence real not null default 0 check (confidence between 0 and 1),
    add check (peak_earliest <= peak),
    add check (peak <= peak_latest),
    add check (peak is not null or (peak_earliest is null and peak_latest is null)),
    add check (verdict <> 'not_seen' or confidence = 0);

comment on column tulip.field_season.peak is
    'Most likely day of the largest bloom fraction, from the looks around it; null where it did not bloom.';
comment on column tulip.field_season.peak_earliest is
    'Earliest possible day of the peak: after the last look before it that saw clearly less in flower; null where there is none.';
comment on column tulip.field_season.peak_latest is
    'Latest possible day of the peak: before the first look after it that saw clearly less in flower; null where there is none.';
comment on column tulip.field_season.confidence is
    'How sure the verdict is, 0 to 1. bloomed: 1 less the product, over the days seen in bloom, of 1 less clear fraction times probability of tulips. not_bloomed: share of the possible blooms of two weeks inside the window that a clear look would have met. not_seen: 0.';


create table tulip.past_field_season (
    unet_id integer not null references tulip.model,
    field_id bigint not null,
    season integer not null,
    simulated boolean not null,
    verdict text not null check (verdict in ('bloomed', 'not_bloomed', 'not_seen')),
    clear_looks integer not null check (clear_looks >= 0),
    area_m2 double precision check (area_m2 > 0),
    onset_earliest date,
    onset_latest date,
    peak date,
    end_earliest date,
    end_latest date,
    confidence real not null check (confidence between 0 and 1),
    geometry geometry(Polygon, 4326) not null,
    replaced_at timestamptz not null default now(),
    primary key (unet_id, field_id, season)
);
create index past_field_season_geometry on tulip.past_field_season using gist (geometry);

comment on table tulip.past_field_season is
    'What a season said of a field before the first acquisition over it was recorded from another U-Net. tulip.bloom_history_of(name, version) puts the state of a model together.';
comment on column tulip.past_field_season.unet_id is 'The U-Net that it rests upon: tulip.model.';
comment on column tulip.past_field_season.field_id is 'The field, which may be gone by now.';
comment on column tulip.past_field_season.season is 'Calendar year of the bloom.';
comment on column tulip.past_field_season.simulated is
    'True where it comes from simulated acquisitions.';
comment on column tulip.past_field_season.verdict is 'bloomed, not_bloomed or not_seen.';
comment on column tulip.past_field_season.clear_looks is
    'Observations inside the bloom window other than not_seen.';
comment on column tulip.past_field_season.area_m2 is
    'Geodesic area as detected then, square metres; null where it was not detected.';
comment on column tulip.past_field_season.onset_earliest is 'Earliest possible first day in bloom.';
comment on column tulip.past_field_season.onset_latest is 'Latest possible first day in bloom.';
comment on column tulip.past_field_season.peak is 'Most likely day of the largest bloom fraction.';
comment on column tulip.past_field_season.end_earliest is 'Earliest possible last day in bloom.';
comment on column tulip.past_field_season.end_latest is 'Latest possible last day in bloom.';
comment on column tulip.past_field_season.confidence is 'As in tulip.field_season.';
comment on column tulip.past_field_season.geometry is 'Outline of the field then, EPSG:4326.';
comment on column tulip.past_field_season.replaced_at is 'When it was replaced.';


create function tulip.note_detections() returns trigger
language plpgsql as $$
begin
    insert into tulip.change (season, simulated, geometry)
    select
        substr(split_part(acquisition_id, '_', 3), 1, 4)::integer,
        split_part(acquisition_id, '_', 1) = 'SIM',
        geometry
    from changed;
    return null;
end
$$;

create trigger detection_came after insert on tulip.detection
    referencing new table as changed
    for each statement execute function tulip.note_detections();
create trigger detection_went after delete on tulip.detection
    referencing old table as changed
    for each statement execute function tulip.note_detections();
create trigger detection_was after update on tulip.detection
    referencing old table as changed
    for each statement execute function tulip.note_detections();
create trigger detection_is after update on tulip.detection
    referencing new table as changed
    for each statement execute function tulip.note_detections();


create function tulip.note_observations() returns trigger
language plpgsql as $$
begin
    insert into tulip.stale (field_id, season) select field_id, season from changed;
    return null;
end
$$;

create trigger observation_came after insert on tulip.observation
    referencing new table as changed
    for each statement execute function tulip.note_observations();
create trigger observation_went after delete on tulip.observation
    referencing old table as changed
    for each statement execute function tulip.note_observations();
create trigger observation_is after update on tulip.observation
    referencing new table as changed
    for each statement execute function tulip.note_observations();


create function tulip.note_supersession() returns trigger
language plpgsql as $$
begin
    insert into tulip.change (season, simulated, geometry)
    select new.season, new.simulated, d.geometry
    from tulip.detection d where d.acquisition_id = new.acquisition_id;
    insert into tulip.stale (field_id, season)
    select o.field_id, o.season
    from tulip.observation o where o.acquisition_id = new.acquisition_id;
    return null;
end
$$;

create trigger acquisition_superseded after update of superseded_by on tulip.acquisition
    for each row when (old.superseded_by is distinct from new.superseded_by)
    execute function tulip.note_supersession();


create function tulip.look_again() returns trigger
language plpgsql as $$
begin
    new.looked := false;
    return new;
end
$$;

create trigger acquisition_look_again before update on tulip.acquisition
    for each row when (
        old.state is distinct from new.state
        or old.detections_sha256 is distinct from new.detections_sha256
        or old.superseded_by is distinct from new.superseded_by
        or old.footprint is distinct from new.footprint
    )
    execute function tulip.look_again();


create function tulip.look_over_area() returns trigger
language plpgsql as $$
begin
    update tulip.acquisition set looked = false
    where looked and acquisition_id in (select acquisition_id from changed);
    return null;
end
$$;

create trigger acquisition_area_came after insert on tulip.acquisition_area
    referencing new table as changed
    for each statement execute function tulip.look_over_area();

comment on function tulip.note_detections() is 'Trigger: what came or went is ground for the next history.';
comment on function tulip.note_observations() is 'Trigger: what was said anew has to be summed up anew.';
comment on function tulip.note_supersession() is
    'Trigger: what begins or ceases to count is ground for the next history.';
comment on function tulip.look_again() is 'Trigger: an acquisition that changed is asked again.';
comment on function tulip.look_over_area() is
    'Trigger: an acquisition that lies over a further area is asked again.';

-- What is recorded already is ground for the next history, which links detections anew.
delete from tulip.field_detection;
insert into tulip.change (season, simulated, geometry)
select a.season, a.simulated, d.geometry
from tulip.detection d
join tulip.acquisition a using (acquisition_id)
where a.superseded_by is null;
insert into tulip.stale (field_id, season) select field_id, season from tulip.field_season;


create or replace view tulip.bloom_history as
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
    f.geometry,
    c.peak_earliest,
    c.peak_latest,
    c.confidence
from compared c
join tulip.field f using (field_id);

comment on column tulip.bloom_history.peak is
    'Most likely day of the largest bloom fraction; null where it did not bloom.';
comment on column tulip.bloom_history.peak_earliest is
    'Earliest possible day of the peak; null where no look bounds it.';
comment on column tulip.bloom_history.peak_latest is
    'Latest possible day of the peak; null where no look bounds it.';
comment on column tulip.bloom_history.confidence is
    'How sure the verdict is, 0 to 1: see tulip.field_season.';


create view tulip.field_timeline as
select
    o.field_id,
    a.season,
    a.day,
    a.sensed_at,
    a.simulated,
    o.acquisition_id,
    a.superseded_by is null as counts,
    o.verdict,
    o.clear_fraction,
    o.tulip_probability,
    o.bloom_fraction,
    a.state = 'skipped' as skipped,
    m.name as model_name,
    m.version as model_version
from tulip.observation o
join tulip.acquisition a using (acquisition_id)
left join tulip.model m on m.model_id = a.unet_id;

comment on view tulip.field_timeline is
    'Every look at every field: ask it with field_id = ... order by sensed_at. Key: field_id, acquisition_id.';
comment on column tulip.field_timeline.field_id is 'The field.';
comment on column tulip.field_timeline.season is 'Calendar year of the look.';
comment on column tulip.field_timeline.day is 'Day of sensing, UTC.';
comment on column tulip.field_timeline.sensed_at is 'Time of sensing.';
comment on column tulip.field_timeline.simulated is 'True where the acquisition is simulated.';
comment on column tulip.field_timeline.acquisition_id is 'The acquisition that looked.';
comment on column tulip.field_timeline.counts is
    'False where a newer processing of the same overpass counts instead.';
comment on column tulip.field_timeline.verdict is 'bloom, no_bloom or not_seen.';
comment on column tulip.field_timeline.clear_fraction is
    'Share of the field that was measured and clear, 0 to 1.';
comment on column tulip.field_timeline.tulip_probability is
    'Mean probability of tulips over the clear pixels, 0 to 1; null where none was clear.';
comment on column tulip.field_timeline.bloom_fraction is
    'Share of the clear pixels in flower, 0 to 1; null where none was clear.';
comment on column tulip.field_timeline.skipped is
    'True where the whole acquisition was skipped, most often as too cloudy.';
comment on column tulip.field_timeline.model_name is
    'The U-Net that looked: folder below models/; null where it was skipped.';
comment on column tulip.field_timeline.model_version is 'Version of the U-Net; null likewise.';


create view tulip.not_seen as
select
    s.field_id,
    s.season,
    f.simulated,
    (
        select count(*) from tulip.observation o
        join tulip.acquisition a using (acquisition_id)
        where o.field_id = s.field_id and o.season = s.season and a.superseded_by is null
    ) as looks,
    (
        select max(o.clear_fraction) from tulip.observation o
        join tulip.acquisition a using (acquisition_id)
        where o.field_id = s.field_id and o.season = s.season and a.superseded_by is null
    ) as best_clear_fraction,
    (
        select max(b.season) from tulip.field_season b
        where b.field_id = s.field_id and b.season < s.season and b.verdict = 'bloomed'
    ) as last_bloom_season,
    f.geometry
from tulip.field_season s
join tulip.field f using (field_id)
where s.verdict = 'not_seen';

comment on view tulip.not_seen is
    'Fields of which a season allows no verdict: no bloom was seen, and none was not seen either. Key: field_id, season.';
comment on column tulip.not_seen.field_id is 'The field.';
comment on column tulip.not_seen.season is 'Calendar year of the bloom.';
comment on column tulip.not_seen.simulated is 'True where it comes from simulated acquisitions.';
comment on column tulip.not_seen.looks is
    'Acquisitions over the field in the whole year, all of them too cloudy or outside the bloom window.';
comment on column tulip.not_seen.best_clear_fraction is
    'Largest share of the field that one of them saw, 0 to 1.';
comment on column tulip.not_seen.last_bloom_season is
    'Last earlier season in which it was seen to bloom; null where there is none.';
comment on column tulip.not_seen.geometry is 'Outline of the field, EPSG:4326.';


create view tulip.status as
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
select 'waiting for history: detections', count(*), null from tulip.change
union all
select 'waiting for history: acquisitions', count(*), min(updated_at) from tulip.acquisition
where not looked and state in ('recorded', 'skipped') and superseded_by is null;

comment on view tulip.status is
    'What the database holds and how fresh it is. Where something waits for history, run `tulip history`. Key: name.';
comment on column tulip.status.name is
    'A table; or acquisition recorded: those that count; or what the next history has to do.';
comment on column tulip.status.row_count is 'Its rows.';
comment on column tulip.status.newest is
    'When the newest was made or, of recorded acquisitions, sensed; of waiting ones, since when the oldest waits; null where rows carry no time.';


create function tulip.season_summary_by(ground geometry)
returns table (
    season integer,
    simulated boolean,
    fields_bloomed bigint,
    fields_not_bloomed bigint,
    fields_not_seen bigint,
    fields_new bigint,
    fields_returning bigint,
    fields_continuing bigint,
    fields_gone bigint,
    bloomed_ha double precision,
    bloomed_change_ha double precision,
    median_peak date,
    mean_confidence double precision
)
language sql stable parallel safe
as $$
    with inside as (
        select f.field_id from tulip.field f
        where f.geometry && st_transform(ground, 4326)
            and st_intersects(st_transform(ground, 4326), st_pointonsurface(f.geometry))
    ), counted as (
        select
            b.season,
            b.simulated,
            count(*) filter (where b.verdict = 'bloomed') as bloomed,
            count(*) filter (where b.verdict = 'not_bloomed') as not_bloomed,
            count(*) filter (where b.verdict = 'not_seen') as not_seen,
            count(*) filter (where b.change = 'new') as new,
            count(*) filter (where b.change = 'returning') as returning,
            count(*) filter (where b.change = 'continuing') as continuing,
            count(*) filter (where b.change = 'gone') as gone,
            coalesce(sum(b.area_m2) filter (where b.verdict = 'bloomed'), 0) / 1e4 as hectares,
            percentile_disc(0.5) within group (order by b.peak) as median_peak,
            avg(b.confidence) filter (where b.verdict <> 'not_seen') as confidence
        from inside i
        cross join lateral (
            select * from tulip.bloom_history h where h.field_id = i.field_id offset 0
        ) b
        group by b.season, b.simulated
    )
    select
        c.season, c.simulated, c.bloomed, c.not_bloomed, c.not_seen, c.new, c.returning,
        c.continuing, c.gone, c.hectares,
        case
            when lag(c.season) over earlier = c.season - 1
                then c.hectares - lag(c.hectares) over earlier
        end,
        c.median_peak, c.confidence
    from counted c
    window earlier as (partition by c.simulated order by c.season)
    order by c.season, c.simulated
$$;

comment on function tulip.season_summary_by(geometry) is
    'Each season of the fields that have a point on their surface in `ground`, in any CRS: counts by verdict and by change from the season before, hectares in bloom and their change, median peak and mean confidence. For any layer: select l.name, s.* from my_layer l cross join tulip.season_summary_by(l.geometry) s.';


create function tulip.season_cells(size_m double precision default 1000)
returns table (
    cell text,
    season integer,
    simulated boolean,
    fields_bloomed bigint,
    fields_not_bloomed bigint,
    fields_not_seen bigint,
    bloomed_ha double precision,
    bloomed_change_ha double precision,
    geometry geometry
)
language sql stable parallel safe
as $$
    with placed as (
        select
            f.field_id,
            f.simulated,
            floor(st_x(p.point) / size_m)::integer as x,
            floor(st_y(p.point) / size_m)::integer as y
        from tulip.field f
        cross join lateral (
            select st_transform(st_pointonsurface(f.geometry), 3035) as point
        ) p
    ), counted as (
        select
            p.x, p.y, p.simulated, s.season,
            count(*) filter (where s.verdict = 'bloomed') as bloomed,
            count(*) filter (where s.verdict = 'not_bloomed') as not_bloomed,
            count(*) filter (where s.verdict = 'not_seen') as not_seen,
            coalesce(sum(s.area_m2) filter (where s.verdict = 'bloomed'), 0) / 1e4 as hectares
        from placed p
        join tulip.field_season s using (field_id)
        group by p.x, p.y, p.simulated, s.season
    )
    select
        format('E%sN%s', c.x, c.y), c.season, c.simulated, c.bloomed, c.not_bloomed, c.not_seen,
        c.hectares,
        case
            when lag(c.season) over earlier = c.season - 1
                then c.hectares - lag(c.hectares) over earlier
        end,
        st_transform(
            st_makeenvelope(
                c.x * size_m, c.y * size_m, (c.x + 1) * size_m, (c.y + 1) * size_m, 3035
            ),
            4326
        )
    from counted c
    window earlier as (partition by c.x, c.y, c.simulated order by c.season)
    order by c.season, c.simulated, c.y, c.x
$$;

comment on function tulip.season_cells(double precision) is
    'Each season by cells of a grid of `size_m` metres in EPSG:3035 (equal area): the name of the cell counts cells to the east and to the north. Its outline is EPSG:4326. A field counts in the cell that holds a point on its surface.';


create function tulip.bloom_history_of(name text, version text)
returns table (
    field_id bigint,
    season integer,
    simulated boolean,
    verdict text,
    clear_looks integer,
    area_m2 double precision,
    onset_earliest date,
    onset_latest date,
    peak date,
    end_earliest date,
    end_latest date,
    confidence real,
    replaced_at timestamptz,
    geometry geometry
)
language sql stable parallel safe
as $$
    with wanted as (
        select m.model_id from tulip.model m
        where m.name = bloom_history_of.name and m.version = bloom_history_of.version
    ), current as (
        select s.*, f.simulated, f.geometry
        from tulip.field_season s
        join tulip.field f using (field_id)
        where (
            select bool_and(a.unet_id in (select w.model_id from wanted w))
            from tulip.observation o
            join tulip.acquisition a using (acquisition_id)
            where o.field_id = s.field_id and o.season = s.season and a.superseded_by is null
                and a.unet_id is not null
        )
    )
    select
        c.field_id, c.season, c.simulated, c.verdict, c.clear_looks, c.area_m2, c.onset_earliest,
        c.onset_latest, c.peak, c.end_earliest, c.end_latest, c.confidence, null::timestamptz,
        c.geometry
    from current c
    union all
    (
        select distinct on (p.field_id, p.season)
            p.field_id, p.season, p.simulated, p.verdict, p.clear_looks, p.area_m2,
            p.onset_earliest, p.onset_latest, p.peak, p.end_earliest, p.end_latest, p.confidence,
            p.replaced_at, p.geometry
        from tulip.past_field_season p
        where p.unet_id in (select w.model_id from wanted w)
            and not exists (
                select from current c where c.field_id = p.field_id and c.season = p.season
            )
        order by p.field_id, p.season, p.replaced_at desc
    )
$$;

comment on function tulip.bloom_history_of(text, text) is
    'What each season says of each field by one version of the U-Net alone, such as (''unet-rgb'', ''1''): as it stood before another version replaced the first acquisition over the field (replaced_at), or as it stands where none did.';
