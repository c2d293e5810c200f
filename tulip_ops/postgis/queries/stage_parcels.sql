-- A place for a register of parcels, until the transaction ends.
create temporary table if not exists staged_parcel
    (key text primary key, geometry geometry(Polygon, 4326), area_m2 double precision)
    on commit drop;
truncate staged_parcel
