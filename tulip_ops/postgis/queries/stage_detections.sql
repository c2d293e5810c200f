-- A place for the detections of one acquisition, until the transaction ends. The key lets those
-- that went be found without statistics, which a new table does not have.
create temporary table if not exists staged_detection
    (like tulip.detection including defaults, primary key (ordinal)) on commit drop;
alter table staged_detection
    alter column detection_id drop not null;
truncate staged_detection
