-- Note that something is no longer wrong with a source; returns the alert, if there was one.
update tulip.alert
set ended_at = greatest(now(), seen_at)
where source = %(source)s
    and kind = %(kind)s
    and area is not distinct from %(area)s
    and ended_at is null
returning alert_id
