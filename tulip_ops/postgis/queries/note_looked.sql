-- Note that acquisitions have said of every field what they saw, except those that could not.
with asked as (
    update tulip.field set looked = true where not looked
)
update tulip.acquisition
set looked = true
where not looked
    and state in ('recorded', 'skipped')
    and superseded_by is null
    and acquisition_id <> all(%(unable)s::text[])
