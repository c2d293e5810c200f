"""Sentinel Hub as a source, with its budget of processing units.

`sources/registry`, `pipeline` and `cli` import this package; the library sentinelhub is in
`service`, requests in `client`. It knows nothing of the other sources.
"""
