"""Polygons that share borders, with their statistics, from a raster of probabilities.

`pipeline` and `ml` import this package; it imports no I/O library.
"""
