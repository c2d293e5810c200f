"""Output for people: quicklooks, the area report, exports for GIS, evaluations.

`cli` and `bench/` import this package; it alone imports matplotlib.
"""
