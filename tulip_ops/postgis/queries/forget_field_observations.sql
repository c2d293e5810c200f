-- Forget what acquisitions said of fields.
delete from tulip.observation where field_id = any(%(field_ids)s::bigint[])
