-- The acquisition that was sensed last, and how far it came.
select acquisition_id, state from tulip.acquisition
order by sensed_at desc, acquisition_id desc
limit 1
