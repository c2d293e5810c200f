-- Rows of each table.
select
    (select count(*) from tulip.area) as areas,
    (select count(*) from tulip.acquisition) as acquisitions,
    (select count(*) from tulip.acquisition where superseded_by is not null) as superseded,
    (select count(*) from tulip.attempt) as attempts,
    (select count(*) from tulip.model) as models,
    (select count(*) from tulip.detection) as detections,
    (select count(*) from tulip.field) as fields,
    (select count(*) from tulip.observation) as observations,
    (select count(*) from tulip.field_season) as field_seasons
