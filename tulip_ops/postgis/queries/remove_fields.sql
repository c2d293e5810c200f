-- Remove those of these fields that no season shows.
delete from tulip.field f
where f.field_id = any(%(field_ids)s::bigint[])
    and not exists (select from tulip.field_outline o where o.field_id = f.field_id)
