-- Lighter notes for the history, and seasons that were not seen well enough.

-- Nobody looks for a change by season: the history takes them all.
drop index tulip.change_season;
alter table tulip.change
    alter column geometry drop not null,
    add column acquisition_id text,
    add check (num_nonnulls(acquisition_id, geometry) = 1);

comment on table tulip.change is
    'Ground on which detections came, went, or began or ceased to count since the last history: what the next one joins to fields. Triggers fill it, the history empties it.';
comment on column tulip.change.season is 'Season of the detections.';
comment on column tulip.change.simulated is 'True where the detections are simulated.';
comment on column tulip.change.acquisition_id is
    'The acquisition of which detections came or began or ceased to count: the ground of all of them; null where geometry says where one was.';
comment on column tulip.change.geometry is
    'Outline of a detection that went or changed, EPSG:4326; null where acquisition_id stands for many.';


create function tulip.note_detections_come() returns trigger
language plpgsql as $$
begin
    insert into tulip.change (season, simulated, acquisition_id)
    select
        substr(split_part(acquisition_id, '_', 3), 1, 4)::integer,
        split_part(acquisition_id, '_', 1) = 'SIM',
        acquisition_id
    from (select distinct acquisition_id from changed) as came;
    return null;
end
$$;

comment on function tulip.note_detections_come() is
    'Trigger: what came is ground for the next history.';
comment on function tulip.note_detections() is
    'Trigger: what went or changed is ground for the next history.';

drop trigger detection_came on tulip.detection;
create trigger detection_came after insert on tulip.detection
    referencing new table as changed
    for each statement execute function tulip.note_detections_come();

create or replace function tulip.note_supersession() returns trigger
language plpgsql as $$
begin
    insert into tulip.change (season, simulated, acquisition_id)
    select new.season, new.simulated, new.acquisition_id
    where exists (select from tulip.detection d where d.acquisition_id = new.acquisition_id);
    insert into tulip.stale (field_id, season)
    select o.field_id, o.season
    from tulip.observation o where o.acquisition_id = new.acquisition_id;
    return null;
end
$$;


-- Neighbours flower together: a season is summed up by cells of about 17 by 14 km.
alter table tulip.field
    add column cell integer not null generated always as (
        floor(4 * st_xmin(geometry))::integer * 10000 + floor(8 * st_ymin(geometry))::integer
    ) stored;
create index field_cell on tulip.field (cell, simulated);

comment on column tulip.field.cell is
    'The neighbourhood, a quarter of a degree by an eighth, in which its south-western corner lies; from the outline. When some of its fields flower says when others would have.';

alter table tulip.stale
    alter column field_id drop not null,
    add column cell integer,
    add column simulated boolean,
    add check ((field_id is null) = (cell is not null)),
    add check ((field_id is null) = (simulated is not null));

comment on table tulip.stale is
    'Fields, and neighbourhoods that fields left, whose season has to be summed up again, because an observation or a detection of them changed. Triggers fill it, the history empties it.';
comment on column tulip.stale.field_id is
    'A field; it may be gone by now. Null where cell names a neighbourhood.';
comment on column tulip.stale.cell is 'A neighbourhood that a field left, as in tulip.field.';
comment on column tulip.stale.simulated is 'True where the fields of that neighbourhood are simulated.';


create function tulip.note_leaving() returns trigger
language plpgsql as $$
begin
    insert into tulip.stale (season, cell, simulated)
    select distinct o.season, old.cell, old.simulated
    from tulip.observation o where o.field_id = old.field_id;
    return case tg_op when 'DELETE' then old else new end;
end
$$;

comment on function tulip.note_leaving() is
    'Trigger: neighbours of a field that goes or is drawn anew have to be summed up anew.';

create trigger field_redrawn before update of geometry on tulip.field
    for each row when (old.geometry is distinct from new.geometry)
    execute function tulip.note_leaving();
create trigger field_went before delete on tulip.field
    for each row execute function tulip.note_leaving();


comment on column tulip.field_season.verdict is
    'bloomed; not_bloomed where the clear looks inside the bloom window would have met nearly every possible bloom, and saw none; else not_seen.';
comment on column tulip.field_season.peak is
    'Most likely day of full bloom: as probably before it as after it, by the shares in flower on all clear days; null where it did not bloom.';
comment on column tulip.field_season.confidence is
    'How sure the verdict is, 0 to 1. bloomed: 1 less the product, over the days seen in bloom, of 1 less clear fraction times probability of tulips. not_bloomed: share of the possible blooms, as neighbours flowered, that a clear look would have met. not_seen: 0.';
comment on column tulip.bloom_history.verdict is
    'bloomed; not_bloomed where clear looks would have met nearly every possible bloom; else not_seen.';
comment on column tulip.bloom_history.peak is
    'Most likely day of full bloom; null where it did not bloom.';
comment on column tulip.bloom_layer.peak is 'Most likely day of full bloom.';
comment on column tulip.past_field_season.peak is 'Most likely day of full bloom.';


create or replace view tulip.not_seen as
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
    f.geometry,
    s.clear_looks
from tulip.field_season s
join tulip.field f using (field_id)
where s.verdict = 'not_seen';

comment on view tulip.not_seen is
    'Fields of which a season allows no verdict: no bloom was seen, and one may have been missed. Key: field_id, season.';
comment on column tulip.not_seen.looks is
    'Acquisitions over the field in the whole year, too few of them clear in the days of bloom.';
comment on column tulip.not_seen.clear_looks is
    'Those of them that were clear and inside the bloom window.';


-- What is known is summed up by the new rules.
insert into tulip.stale (field_id, season) select field_id, season from tulip.field_season;
