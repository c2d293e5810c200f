-- Sources per area, what newer processings supersede, overpasses, alerts.

alter table tulip.area
    add column sources text[] check (
        cardinality(sources) > 0 and array_position(sources, null) is null
    );

comment on column tulip.area.sources is
    'Sources to ask for this area, the preferred one first; null: those of TULIP_SOURCES.';


alter table tulip.acquisition
    add column baseline text check (baseline ~ '^[0-9]{2}[.][0-9]{2}$'),
    add column relative_orbit integer check (relative_orbit between 1 and 143),
    add column provider_cloud_cover real check (provider_cloud_cover between 0 and 100),
    add column superseded_by text references tulip.acquisition on delete set null,
    add check (superseded_by <> acquisition_id);
create index acquisition_superseded_by on tulip.acquisition (superseded_by);
create index acquisition_overpass on tulip.acquisition (tile, day, platform);

comment on column tulip.acquisition.baseline is
    'Processing baseline, such as 05.11; null where nobody says.';
comment on column tulip.acquisition.relative_orbit is
    'Relative orbit, 1 to 143; null where nobody says.';
comment on column tulip.acquisition.provider_cloud_cover is
    'Percent of the whole scene that the provider calls cloud, 0 to 100; null where it does not say. What was seen of the areas is clear_fraction.';
comment on column tulip.acquisition.superseded_by is
    'The newest processing of the same overpass over the same ground, where that was recorded or skipped; null where this row counts. Kept by each history, together with what follows from it.';
comment on column tulip.acquisition.source is
    'Name of the source that offered it, or of the one that took over when that was silent.';
comment on table tulip.observation is
    'What each acquisition says of each field under it, "not seen" included. Rows of an acquisition with superseded_by stay, and no longer count.';


create table tulip.alert (
    alert_id bigint generated always as identity primary key,
    source text not null,
    area text references tulip.area on delete cascade on update cascade,
    kind text not null check (kind in ('silent', 'refused', 'stale')),
    message text not null check (message !~ '\n'),
    newest_at timestamptz,
    began_at timestamptz not null default now(),
    seen_at timestamptz not null default now() check (seen_at >= began_at),
    ended_at timestamptz check (ended_at >= seen_at),
    run_id text not null,
    check ((area is not null) = (kind = 'stale'))
);
create unique index alert_open on tulip.alert (source, kind, coalesce(area, ''))
    where ended_at is null;
create index alert_area on tulip.alert (area);

comment on table tulip.alert is
    'What discovery found wrong with sources, from the first look that saw it to the first that saw it gone.';
comment on column tulip.alert.alert_id is 'Counts the alerts; gaps are normal.';
comment on column tulip.alert.source is 'Name of the source, as TULIP_SOURCES calls it.';
comment on column tulip.alert.area is
    'The area over which it is stale; null where the source as a whole is meant.';
comment on column tulip.alert.kind is
    'silent (it does not answer), refused (its credential or settings are missing or wrong) or stale (it answers, and its newest item over the area is too old).';
comment on column tulip.alert.message is 'What was seen last, in one line without passwords.';
comment on column tulip.alert.newest_at is
    'Time of sensing of the newest item that the source offered over the area; null where none is known.';
comment on column tulip.alert.began_at is 'When a look first saw it.';
comment on column tulip.alert.seen_at is 'When a look last saw it.';
comment on column tulip.alert.ended_at is 'When a look first saw it gone; null while it lasts.';
comment on column tulip.alert.run_id is
    'Which run first saw it: the Airflow run, or a name given by hand.';

grant insert, update, delete on tulip.alert to tulip_writer;


create view tulip.open_alerts as
select source, area, kind, message, newest_at, began_at, seen_at, run_id
from tulip.alert
where ended_at is null
order by began_at, alert_id;

comment on view tulip.open_alerts is
    'What is wrong with sources now, as far as the last look saw: the table to watch. Key: source, kind, area.';
comment on column tulip.open_alerts.source is 'Name of the source, as TULIP_SOURCES calls it.';
comment on column tulip.open_alerts.area is
    'The area over which it is stale; null where the source as a whole is meant.';
comment on column tulip.open_alerts.kind is
    'silent (it does not answer), refused (its credential or settings are missing or wrong) or stale (it answers, and its newest item over the area is too old).';
comment on column tulip.open_alerts.message is 'What was seen last, in one line.';
comment on column tulip.open_alerts.newest_at is
    'Time of sensing of the newest item that the source offered over the area; null where none is known.';
comment on column tulip.open_alerts.began_at is 'When a look first saw it.';
comment on column tulip.open_alerts.seen_at is 'When a look last saw it.';
comment on column tulip.open_alerts.run_id is 'Which run first saw it.';


create view tulip.overpasses as
select
    l.area,
    a.platform,
    a.day,
    min(a.sensed_at) as sensed_at,
    max(a.relative_orbit) as relative_orbit,
    array_agg(distinct a.tile order by a.tile) as tiles,
    array_agg(distinct a.source order by a.source) as sources,
    count(*) filter (where a.superseded_by is null) as acquisitions,
    count(*) filter (where a.superseded_by is null and a.state = 'recorded') as recorded,
    max(a.clear_fraction) filter (where a.superseded_by is null) as clear_fraction
from tulip.acquisition_area l
join tulip.acquisition a using (acquisition_id)
where not a.simulated
group by l.area, a.platform, a.day;

comment on view tulip.overpasses is
    'When each satellite passed over each area, as the ledger knows it; simulated acquisitions follow no orbit and are left out. `tulip revisit` learns from it what to expect. Key: area, platform, day.';
comment on column tulip.overpasses.area is 'Name of the area.';
comment on column tulip.overpasses.platform is 'S2A to S2D.';
comment on column tulip.overpasses.day is 'Day of sensing, UTC.';
comment on column tulip.overpasses.sensed_at is 'Time of sensing, of its first acquisition.';
comment on column tulip.overpasses.relative_orbit is
    'Relative orbit, 1 to 143; null where nobody says.';
comment on column tulip.overpasses.tiles is 'MGRS tiles that it gave over the area.';
comment on column tulip.overpasses.sources is 'Sources that they came from.';
comment on column tulip.overpasses.acquisitions is
    'How many acquisitions of it count: datastrips and tiles, without what newer processings supersede.';
comment on column tulip.overpasses.recorded is 'How many of them were carried to the end.';
comment on column tulip.overpasses.clear_fraction is
    'Share of the ground over the areas that is clear, 0 to 1, in the clearest of them; null before screening.';


drop view tulip.season_summary;
create view tulip.season_summary as
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
        count(a.superseded_by) as superseded
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
    now.superseded as acquisitions_superseded,
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
comment on column tulip.season_summary.acquisitions_superseded is
    'Acquisitions of which a newer processing counts instead; none of the other counts has them.';
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


drop view tulip.latest_acquisitions;
create view tulip.latest_acquisitions as
select distinct on (l.area, a.tile, a.simulated)
    l.area,
    a.tile,
    a.simulated,
    a.acquisition_id,
    a.sensed_at,
    a.baseline,
    a.provider_cloud_cover,
    a.source,
    a.state,
    a.verdict,
    a.clear_fraction,
    a.updated_at,
    a.footprint
from tulip.acquisition_area l
join tulip.acquisition a using (acquisition_id)
order by
    l.area, a.tile, a.simulated, a.day desc, a.superseded_by is null desc, a.level desc,
    coalesce(a.baseline, '') collate "C" desc, a.sequence desc, a.acquisition_id;

comment on view tulip.latest_acquisitions is
    'The newest acquisition of each area and tile, in its newest processing: how fresh the history is. Key: area, tile, simulated.';
comment on column tulip.latest_acquisitions.area is 'Name of the area.';
comment on column tulip.latest_acquisitions.tile is 'MGRS tile.';
comment on column tulip.latest_acquisitions.simulated is
    'True where it comes from the simulator and not from a satellite.';
comment on column tulip.latest_acquisitions.acquisition_id is 'The acquisition.';
comment on column tulip.latest_acquisitions.sensed_at is 'Time of sensing.';
comment on column tulip.latest_acquisitions.baseline is
    'Processing baseline, such as 05.11; null where nobody says.';
comment on column tulip.latest_acquisitions.provider_cloud_cover is
    'Percent of the whole scene that the provider calls cloud, 0 to 100; null where it does not say.';
comment on column tulip.latest_acquisitions.source is 'Name of the source that offered it.';
comment on column tulip.latest_acquisitions.state is 'How far it came; see tulip.acquisition.';
comment on column tulip.latest_acquisitions.verdict is
    'Why it was skipped, failed or quarantined; null otherwise.';
comment on column tulip.latest_acquisitions.clear_fraction is
    'Share of the ground over the areas that is clear, 0 to 1; null before screening.';
comment on column tulip.latest_acquisitions.updated_at is 'When its state last changed.';
comment on column tulip.latest_acquisitions.footprint is
    'Ground covered by the scene, EPSG:4326.';
