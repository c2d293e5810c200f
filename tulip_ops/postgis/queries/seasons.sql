-- The seasons that have something to say, simulated and real apart, oldest first.
select distinct season, simulated from tulip.acquisition
where state in ('recorded', 'skipped') or detections_sha256 is not null
order by season, simulated
