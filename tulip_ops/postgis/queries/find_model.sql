-- The id of a network.
select model_id from tulip.model
where name = %(name)s and version = %(version)s and sha256 = %(sha256)s
