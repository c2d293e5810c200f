"""STAC APIs as sources: Earth Search, Planetary Computer, Copernicus, and custom ones.

`sources/registry` imports this package; pystac-client is in `client`. It knows nothing of the other
sources.
"""
