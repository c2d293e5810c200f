-- The seasons that have something to say or once had, simulated and real apart, oldest first.
select season, simulated from tulip.acquisition
where state in ('recorded', 'skipped') or detections_sha256 is not null
union
select s.season, f.simulated from tulip.field_season s join tulip.field f using (field_id)
order by season, simulated
