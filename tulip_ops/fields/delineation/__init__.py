"""From the probabilities of a raster to polygons that share borders, with their figures.

`pipeline` and `ml` import this package; it imports no library for input or output.
"""
