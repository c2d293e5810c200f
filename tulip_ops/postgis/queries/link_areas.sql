-- Note over which areas an acquisition lies; returns a row for each area that is new to it.
insert into tulip.acquisition_area (acquisition_id, area)
select %(id)s, name from tulip.area where name = any(%(areas)s::text[]) order by name
on conflict do nothing
returning acquisition_id
