"""Grids, tiling, GeoTIFF and COG in and out.

Everything above imports this package; it alone imports rasterio.
"""
