"""A static STAC catalog in a folder or in S3 as a source, and writing to it.

`sources/registry`, `pipeline`, `services` and `cli` import this package. It knows nothing of the
other sources.
"""
