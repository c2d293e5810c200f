"""STAC APIs as sources: Earth Search, Planetary Computer, Copernicus, and one's own.

`sources/registry` imports this package; pystac-client is in `client`. It knows nothing of the other
sources.
"""
