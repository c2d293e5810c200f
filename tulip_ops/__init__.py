"""From new Sentinel-2 acquisitions to a bloom history of tulip fields in PostGIS."""
