-- Note a network, unless it is known.
insert into tulip.model (name, version, sha256)
select %(name)s, %(version)s, %(sha256)s
where not exists (
    select from tulip.model
    where name = %(name)s and version = %(version)s and sha256 = %(sha256)s
)
on conflict (name, version, sha256) do nothing
