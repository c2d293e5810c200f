-- Note what is wrong with a source, or that it still is; returns the alert.
insert into tulip.alert (source, area, kind, message, newest_at, run_id)
values (%(source)s, %(area)s, %(kind)s, %(message)s, %(newest_at)s, %(run_id)s)
on conflict (source, kind, coalesce(area, '')) where ended_at is null do update
set message = excluded.message, newest_at = excluded.newest_at, seen_at = now()
returning alert_id
