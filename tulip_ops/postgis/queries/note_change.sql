-- Let the next history draw the fields of this tile and season anew.
insert into tulip.change (season, simulated, tile)
values (%(season)s, %(simulated)s, %(tile)s)
