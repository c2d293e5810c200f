-- Forget an area; its links to acquisitions go with it.
delete from tulip.area where name = %(name)s
