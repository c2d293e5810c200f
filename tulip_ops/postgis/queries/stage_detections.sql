-- A place for the detections of one acquisition, until the transaction ends.
create temporary table if not exists staged_detection
    (like tulip.detection including defaults) on commit drop;
alter table staged_detection
    alter column detection_id drop not null,
    alter column acquisition_id drop not null;
truncate staged_detection
