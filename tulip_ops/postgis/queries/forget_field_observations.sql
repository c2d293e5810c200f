-- Forget what acquisitions said of a field.
delete from tulip.observation where field_id = %(field_id)s
