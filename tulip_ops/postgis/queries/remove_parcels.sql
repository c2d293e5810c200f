-- Forget parcels of a season that are not staged.
delete from tulip.parcel p
where p.season = %(season)s
    and not exists (select from staged_parcel s where s.key = p.key)
