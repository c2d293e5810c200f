-- What detections say of their border, views that open as map layers, vector tiles.

alter table tulip.detection
    add column clear_fraction real check (clear_fraction between 0 and 1),
    add column border_clear_fraction real check (border_clear_fraction between 0 and 1);

comment on column tulip.detection.clear_fraction is
    'Share of its pixels that were seen, 0 to 1; null where an earlier version recorded it.';
comment on column tulip.detection.border_clear_fraction is
    'Share of its border behind which ground was seen, 0 to 1: below 1, clouds or the edge of the raster may hide a part of the field. Null where an earlier version recorded it.';


create view tulip.bloom_layer as
select b.field_id * 10000 + b.season as id, b.*
from tulip.bloom_history b;

comment on view tulip.bloom_layer is
    'tulip.bloom_history with one number as its key in the first column, so that maps such as QGIS open it as a layer. Key: id.';
comment on column tulip.bloom_layer.id is 'Identity: field_id x 10000 + season.';
comment on column tulip.bloom_layer.field_id is 'The field.';
comment on column tulip.bloom_layer.season is 'Calendar year of the bloom.';
comment on column tulip.bloom_layer.simulated is
    'True where this comes from simulated acquisitions and not from a satellite.';
comment on column tulip.bloom_layer.verdict is 'bloomed, not_bloomed or not_seen.';
comment on column tulip.bloom_layer.previous_verdict is
    'Verdict of the season before; null where that season is not in the history.';
comment on column tulip.bloom_layer.change is
    'new, returning, continuing, gone, absent or unknown; see tulip.bloom_history.';
comment on column tulip.bloom_layer.last_bloom_season is
    'Last earlier season in which it was seen to bloom; null where there is none.';
comment on column tulip.bloom_layer.years_since_bloom is
    'Seasons since then; at most that many, where seasons between were not seen.';
comment on column tulip.bloom_layer.area_m2 is
    'Geodesic area as detected in this season, square metres; null where it was not detected.';
comment on column tulip.bloom_layer.area_change_m2 is
    'That area less the area of the season before, where it bloomed in both; square metres.';
comment on column tulip.bloom_layer.clear_looks is
    'Observations inside the bloom window other than not_seen.';
comment on column tulip.bloom_layer.onset_earliest is 'Earliest possible first day in bloom.';
comment on column tulip.bloom_layer.onset_latest is 'Latest possible first day in bloom.';
comment on column tulip.bloom_layer.peak is 'Day of the largest bloom fraction seen.';
comment on column tulip.bloom_layer.end_earliest is 'Earliest possible last day in bloom.';
comment on column tulip.bloom_layer.end_latest is 'Latest possible last day in bloom.';
comment on column tulip.bloom_layer.peak_bloom_fraction is 'Largest bloom fraction seen, 0 to 1.';
comment on column tulip.bloom_layer.geometry is 'Outline of the field, EPSG:4326.';


create view tulip.detection_layer as
select
    d.detection_id,
    d.acquisition_id,
    a.day,
    a.season,
    a.simulated,
    a.superseded_by is null as counts,
    d.ordinal,
    d.area_m2,
    d.tulip_probability,
    d.tulip_probability_std,
    d.bloom_fraction,
    d.clear_fraction,
    d.border_clear_fraction,
    u.name as model_name,
    u.version as model_version,
    u.sha256 as model_sha256,
    c.name as cloud_filter_name,
    c.version as cloud_filter_version,
    c.sha256 as cloud_filter_sha256,
    d.run_id,
    d.geometry
from tulip.detection d
join tulip.acquisition a using (acquisition_id)
join tulip.model u on u.model_id = d.unet_id
join tulip.model c on c.model_id = d.cloud_filter_id;

comment on view tulip.detection_layer is
    'tulip.detection with its acquisition and its networks in words: each polygon says what made it. Key: detection_id.';
comment on column tulip.detection_layer.detection_id is
    'Identity; new when the acquisition is recorded anew with a different result.';
comment on column tulip.detection_layer.acquisition_id is 'The acquisition that shows it.';
comment on column tulip.detection_layer.day is 'Day of sensing, UTC.';
comment on column tulip.detection_layer.season is 'Calendar year of the bloom.';
comment on column tulip.detection_layer.simulated is
    'True where this comes from a simulated acquisition and not from a satellite.';
comment on column tulip.detection_layer.counts is
    'False where a newer processing of the same overpass counts instead.';
comment on column tulip.detection_layer.ordinal is
    'Counts the detections of the acquisition from 0, north to south, then west to east.';
comment on column tulip.detection_layer.area_m2 is 'Geodesic area, square metres.';
comment on column tulip.detection_layer.tulip_probability is
    'Mean probability of tulips over its pixels, 0 to 1.';
comment on column tulip.detection_layer.tulip_probability_std is
    'Standard deviation of that probability over its pixels.';
comment on column tulip.detection_layer.bloom_fraction is
    'Share of its seen pixels that are in flower, 0 to 1.';
comment on column tulip.detection_layer.clear_fraction is
    'Share of its pixels that were seen, 0 to 1; null where an earlier version recorded it.';
comment on column tulip.detection_layer.border_clear_fraction is
    'Share of its border behind which ground was seen, 0 to 1; null where an earlier version recorded it.';
comment on column tulip.detection_layer.model_name is 'The U-Net that found it: folder below models/.';
comment on column tulip.detection_layer.model_version is 'Version of the U-Net.';
comment on column tulip.detection_layer.model_sha256 is 'SHA-256 of the weights of the U-Net.';
comment on column tulip.detection_layer.cloud_filter_name is
    'The cloud filter that called its ground clear: folder below models/.';
comment on column tulip.detection_layer.cloud_filter_version is 'Version of the cloud filter.';
comment on column tulip.detection_layer.cloud_filter_sha256 is
    'SHA-256 of the weights of the cloud filter.';
comment on column tulip.detection_layer.run_id is 'Which run recorded it.';
comment on column tulip.detection_layer.geometry is 'Outline with holes, EPSG:4326.';


create view tulip.observation_layer as
select
    hashtextextended(o.acquisition_id, o.field_id) as id,
    o.field_id,
    o.acquisition_id,
    a.day,
    a.season,
    a.simulated,
    a.superseded_by is null as counts,
    o.verdict,
    o.clear_fraction,
    o.tulip_probability,
    o.bloom_fraction,
    f.geometry
from tulip.observation o
join tulip.acquisition a using (acquisition_id)
join tulip.field f using (field_id);

comment on view tulip.observation_layer is
    'tulip.observation with the day and the outline of the field, as a map layer. Key: field_id, acquisition_id; also id.';
comment on column tulip.observation_layer.id is
    'One number for field and acquisition, for maps that want one; a hash.';
comment on column tulip.observation_layer.field_id is 'The field.';
comment on column tulip.observation_layer.acquisition_id is 'The acquisition that looked at it.';
comment on column tulip.observation_layer.day is 'Day of sensing, UTC.';
comment on column tulip.observation_layer.season is 'Calendar year of the bloom.';
comment on column tulip.observation_layer.simulated is
    'True where this comes from a simulated acquisition and not from a satellite.';
comment on column tulip.observation_layer.counts is
    'False where a newer processing of the same overpass counts instead.';
comment on column tulip.observation_layer.verdict is
    'bloom, no_bloom, or not_seen where clouds or missing pixels leave too little to decide.';
comment on column tulip.observation_layer.clear_fraction is
    'Share of the field that was measured and clear, 0 to 1.';
comment on column tulip.observation_layer.tulip_probability is
    'Mean probability of tulips over the clear pixels, 0 to 1; null where none was clear.';
comment on column tulip.observation_layer.bloom_fraction is
    'Share of the clear pixels that are in flower, 0 to 1; null where none was clear.';
comment on column tulip.observation_layer.geometry is 'Outline of the field, EPSG:4326.';


create function tulip.field_tiles(z integer, x integer, y integer, season integer default null)
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
    'Fields of a season (null: the newest) as a Mapbox vector tile with one layer, fields, in web mercator: field_id, season, simulated, verdict, hectares, clear_looks, seen_in_bloom_from, peak, seen_in_bloom_until. Empty below zoom 8, where fields are smaller than a screen''s pixel. For pg_tileserv: /tulip.field_tiles/{z}/{x}/{y}.pbf?season=2026';


create function tulip.field_tiles_by_query(z integer, x integer, y integer, query json)
returns bytea
language sql stable parallel safe
as $$
    select tulip.field_tiles(z, x, y, (query ->> 'season')::integer)
$$;

comment on function tulip.field_tiles_by_query(integer, integer, integer, json) is
    'tulip.field_tiles for servers that hand on the query string as JSON. For Martin: /field_tiles_by_query/{z}/{x}/{y}?season=2026';
