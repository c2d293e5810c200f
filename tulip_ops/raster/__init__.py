"""Grids, tiling, and reading and writing of GeoTIFF and COG.

All layers above import this package. It alone imports rasterio.
"""
