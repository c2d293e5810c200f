-- The seasons whose acquisitions say something or once did, simulated and real apart, oldest first.
select distinct season, simulated from tulip.acquisition
where state in ('recorded', 'skipped') or detections_sha256 is not null or superseded_by is not null
order by season, simulated
