-- Totals by area that agree, doubtful fields, and older states that can be asked for.

create function tulip.areas_of(ground geometry)
returns text[]
language sql stable parallel safe
as $$
    select coalesce(array_agg(a.name order by a.name collate "C"), '{}')
    from tulip.area a
    where a.geometry && ground and st_intersects(a.geometry, st_pointonsurface(ground))
$$;

comment on function tulip.areas_of(geometry) is
    'The areas of interest that hold a point on the surface of `ground`, EPSG:4326, by name.';


alter table tulip.field add column areas text[] not null default '{}';
update tulip.field set areas = tulip.areas_of(geometry);

comment on column tulip.field.areas is
    'Areas of interest that hold a point on the surface of the field, by name; empty outside every area. Triggers keep it, as asking by space would make the history slow.';


create function tulip.place_field() returns trigger
language plpgsql as $$
begin
    new.areas := tulip.areas_of(new.geometry);
    return new;
end
$$;

comment on function tulip.place_field() is
    'Trigger: a field that is new or drawn anew lies in the areas that hold it.';

create trigger field_placed before insert or update of geometry on tulip.field
    for each row execute function tulip.place_field();


create function tulip.place_fields() returns trigger
language plpgsql as $$
begin
    -- A history under way has fields that are not visible yet: the area must not miss them.
    lock table tulip.field in share row exclusive mode;
    if tg_op = 'TRUNCATE' then
        update tulip.field set areas = '{}' where areas <> '{}';
        return null;
    end if;
    update tulip.field f
    set areas = p.areas
    from (
        select i.field_id, tulip.areas_of(i.geometry) as areas
        from tulip.field i
        where (tg_op <> 'INSERT' and i.geometry && old.geometry)
            or (tg_op <> 'DELETE' and i.geometry && new.geometry)
    ) p
    where f.field_id = p.field_id and f.areas <> p.areas;
    return null;
end
$$;

comment on function tulip.place_fields() is
    'Trigger: an area that comes, goes, or changes its name or ground changes which fields it holds.';

create trigger area_came after insert or delete on tulip.area
    for each row execute function tulip.place_fields();
create trigger area_changed after update of name, geometry on tulip.area
    for each row when (
        old.name is distinct from new.name or old.geometry is distinct from new.geometry
    )
    execute function tulip.place_fields();
create trigger area_emptied after truncate on tulip.area
    for each statement execute function tulip.place_fields();


-- An acquisition over a further area is processed again; its result over the others stands.
alter table tulip.acquisition_area add column recorded boolean not null default false;

comment on column tulip.acquisition_area.recorded is
    'True where a result over this area is recorded, also while the acquisition is processed again.';

update tulip.acquisition_area l
set recorded = true
from tulip.acquisition a
join tulip.area r on true
where a.acquisition_id = l.acquisition_id
    and r.name = l.area
    and a.detections_sha256 is not null
    and (
        a.state = 'recorded'
        or exists (  -- under way again: what was recorded before the area came leaves it out
            select from tulip.attempt t
            where t.acquisition_id = a.acquisition_id
                and t.step = 'record'
                and t.outcome = 'done'
                and t.ended_at > r.created_at
        )
    );

create function tulip.note_recorded() returns trigger
language plpgsql as $$
begin
    update tulip.acquisition_area l
    set recorded = new.detections_sha256 is not null
    where l.acquisition_id = new.acquisition_id
        and l.recorded is distinct from (new.detections_sha256 is not null)
        and (new.detections_sha256 is null or new.state = 'recorded');
    return null;
end
$$;

comment on function tulip.note_recorded() is
    'Trigger: what is recorded holds for all areas that the acquisition lies over by then.';

create trigger acquisition_recorded after update of state, detections_sha256 on tulip.acquisition
    for each row when (
        old.state is distinct from new.state
        or old.detections_sha256 is distinct from new.detections_sha256
    )
    execute function tulip.note_recorded();


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
    c.touches_edge,
    f.areas[1] as area,
    f.areas,
    c.verdict = 'bloomed' and c.confidence < 0.5 as doubtful
from compared c
join tulip.field f using (field_id);

comment on column tulip.bloom_history.area is
    'Area of interest that holds a point on the surface of the field; of several, the first by name; null outside every area.';
comment on column tulip.bloom_history.areas is
    'All areas of interest that hold that point, by name; empty outside every area. Where areas overlap, total over unnest(areas), as tulip.season_summary does.';
comment on column tulip.bloom_history.doubtful is
    'True where it bloomed with a confidence below 0.5: about as likely something else as tulips.';


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
    b.touches_edge,
    b.area,
    b.areas,
    b.doubtful
from tulip.bloom_history b;

comment on column tulip.bloom_layer.area is
    'Area of interest that holds a point on the surface of the field; of several, the first by name; null outside every area.';
comment on column tulip.bloom_layer.areas is
    'All areas of interest that hold that point, by name; empty outside every area. Where areas overlap, total over unnest(areas), as tulip.season_summary does.';
comment on column tulip.bloom_layer.doubtful is
    'True where it bloomed with a confidence below 0.5: about as likely something else as tulips.';


create or replace view tulip.season_summary as
with looked as (
    select
        l.area,
        a.season,
        a.simulated,
        count(*) filter (where a.superseded_by is null and a.state = 'recorded') as recorded,
        count(*) filter (where a.superseded_by is null and a.state = 'skipped') as skipped,
        count(*) filter (
            where a.superseded_by is null and a.state in ('failed', 'quarantined')
        ) as failed,
        count(*) filter (
            where a.superseded_by is null
                and a.state not in ('recorded', 'skipped', 'failed', 'quarantined')
        ) as unfinished,
        count(a.superseded_by) as superseded,
        bool_or(a.superseded_by is null and l.recorded) as is_known
    from tulip.acquisition_area l
    join tulip.acquisition a using (acquisition_id)
    group by l.area, a.season, a.simulated
), inside as (
    select a.name as area, f.field_id, f.simulated
    from tulip.field f
    cross join unnest(f.areas) as a (name)
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
        min(s.onset_latest) as first_bloom_day,
        percentile_disc(0.5) within group (order by s.peak) as median_peak,
        count(*) filter (where s.verdict = 'bloomed' and s.confidence < 0.5) as doubtful
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
        case when l.is_known then coalesce(s.hectares, 0) end as hectares,
        s.first_bloom_day,
        s.median_peak,
        coalesce(s.doubtful, 0) as doubtful
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
    now.superseded as acquisitions_superseded,
    round(now.clear_looks, 1) as clear_looks,
    now.bloomed as fields_bloomed,
    now.not_bloomed as fields_not_bloomed,
    now.not_seen as fields_not_seen,
    round(now.hectares::numeric, 2) as bloomed_ha,
    round((now.hectares - before.hectares)::numeric, 2) as bloomed_change_ha,
    now.first_bloom_day as earliest_onset,
    now.median_peak,
    now.first_bloom_day,
    now.doubtful as fields_doubtful
from summary now
left join summary before
    on before.area = now.area
    and before.season = now.season - 1
    and before.simulated = now.simulated;

comment on view tulip.season_summary is
    'Each area of interest in each season. A field counts in the areas that hold a point on its surface: tulip.bloom_history, totalled over unnest(areas), gives the same numbers. Key: area, season, simulated.';
comment on column tulip.season_summary.acquisitions_unfinished is
    'Acquisitions that are on their way, or on their way again because they lie over a further area or were published anew.';
comment on column tulip.season_summary.fields_bloomed is
    'Fields that bloomed, doubtful ones included.';
comment on column tulip.season_summary.bloomed_ha is
    'Geodesic area of the fields that bloomed, as detected in the season, doubtful ones included; hectares; null where nothing is recorded over the area, so that nothing was seen. It stands while acquisitions are processed again.';
comment on column tulip.season_summary.earliest_onset is
    'The older name of first_bloom_day; to be removed in 0.2.';
comment on column tulip.season_summary.first_bloom_day is
    'First day on which any field was seen in bloom.';
comment on column tulip.season_summary.fields_doubtful is
    'Fields among those that bloomed whose confidence is below 0.5.';


create or replace function tulip.field_tiles(z integer, x integer, y integer, season integer default null)
returns bytea
language sql stable parallel safe
as $$
    select st_asmvt(shown, 'fields', 4096, 'geometry', 'field_id')
    from (
        select
            f.field_id,
            s.season,
            f.simulated,
            s.verdict,
            round((coalesce(s.area_m2, f.area_m2) / 1e4)::numeric, 2)::double precision as hectares,
            s.clear_looks,
            s.onset_latest::text as seen_in_bloom_from,
            s.peak::text as peak,
            s.end_earliest::text as seen_in_bloom_until,
            f.areas[1] as area,
            round(s.confidence::numeric, 2)::double precision as confidence,
            s.verdict = 'bloomed' and s.confidence < 0.5 as doubtful,
            st_asmvtgeom(
                st_transform(f.geometry, 3857), st_tileenvelope(z, x, y), 4096, 64, true
            ) as geometry
        from tulip.field f
        join tulip.field_season s using (field_id)
        where z >= 8
            and f.geometry && st_transform(st_tileenvelope(z, x, y, margin => 64.0 / 4096), 4326)
            and s.season = coalesce(
                field_tiles.season, (select max(newest.season) from tulip.field_season newest)
            )
    ) as shown
    where shown.geometry is not null
$$;

comment on function tulip.field_tiles(integer, integer, integer, integer) is
    'Fields of a season (null: the newest) as a Mapbox vector tile with one layer, fields, in web mercator: field_id, season, simulated, verdict, hectares, clear_looks, seen_in_bloom_from, peak, seen_in_bloom_until, area, confidence, doubtful. Empty below zoom 8, where fields are smaller than a screen''s pixel. For pg_tileserv: /tulip.field_tiles/{z}/{x}/{y}.pbf?season=2026';


drop function tulip.bloom_history_of(text, text);
create function tulip.bloom_history_of(name text, version text, drawn_from text default null)
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
language plpgsql stable parallel safe
as $$
#variable_conflict use_column
declare
    wanted integer[];
    known text;
begin
    if bloom_history_of.drawn_from not in ('detections', 'evidence') then
        raise exception 'fields are not drawn from %', bloom_history_of.drawn_from
            using errcode = 'invalid_parameter_value',
                hint = 'The third argument is ''detections'', ''evidence'' or left out.';
    end if;
    with ran as (
        select distinct m.model_id, m.name, m.version
        from tulip.model m
        where exists (select from tulip.acquisition a where a.unet_id = m.model_id)
            or exists (select from tulip.past_field_season p where p.unet_id = m.model_id)
    )
    select
        array_agg(r.model_id) filter (
            where r.name = bloom_history_of.name and r.version = bloom_history_of.version
        ),
        string_agg(distinct r.name || ' version ' || r.version, ', ')
    into wanted, known
    from ran r;
    if wanted is null then
        raise exception 'no result of % version % is in this history; there are results of: %',
            bloom_history_of.name, bloom_history_of.version, coalesce(known, 'no model yet')
            using errcode = 'no_data_found';
    end if;
    return query
    with current as (
        select s.*, f.simulated, f.geometry
        from tulip.field_season s
        join tulip.field f using (field_id)
        where bloom_history_of.drawn_from is distinct from 'detections'
            and (
                select bool_and(a.unet_id = any(wanted))
                from tulip.observation o
                join tulip.acquisition a using (acquisition_id)
                where o.field_id = s.field_id
                    and o.season = s.season
                    and a.superseded_by is null
                    and a.unet_id is not null
            )
    ), past as (
        select distinct on (p.field_id, p.season, p.drawn_from) p.*
        from tulip.past_field_season p
        where p.unet_id = any(wanted)
            and p.drawn_from = coalesce(bloom_history_of.drawn_from, p.drawn_from)
        order by p.field_id, p.season, p.drawn_from, p.replaced_at desc
    ), drawn_anew as (  -- both ways of drawing show the same ground: one of them counts
        select c.season, c.simulated from current c
        union
        select p.season, p.simulated from past p where p.drawn_from = 'evidence'
    )
    select
        c.field_id, c.season, c.simulated, c.verdict, c.clear_looks, c.area_m2, c.onset_earliest,
        c.onset_latest, c.peak, c.end_earliest, c.end_latest, c.confidence, null::timestamptz,
        c.geometry
    from current c
    union all
    select
        p.field_id, p.season, p.simulated, p.verdict, p.clear_looks, p.area_m2, p.onset_earliest,
        p.onset_latest, p.peak, p.end_earliest, p.end_latest, p.confidence, p.replaced_at,
        p.geometry
    from past p
    where not exists (
            select from current c where c.field_id = p.field_id and c.season = p.season
        )
        and (
            p.drawn_from = 'evidence'
            or not exists (
                select from drawn_anew d
                where d.season = p.season and d.simulated = p.simulated
            )
        );
end
$$;

comment on function tulip.bloom_history_of(text, text, text) is
    'What each season says of each field by one version of the U-Net alone, such as (''unet-rgb'', ''2''): as it stood before another version replaced the first acquisition over the field (replaced_at), or as it stands where none did. An error names the versions with results where this one has none. drawn_from: detections gives the state before revision 0011, when fields were the union of what single acquisitions show; evidence gives fields drawn from all looks of a season together; left out, each season is given as evidence draws it or, where this version has no such state, as detections do.';
