"""The tables in PostGIS: the only place that knows SQL and speaks to the database."""
