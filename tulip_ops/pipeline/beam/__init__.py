"""The same steps as one Apache Beam pipeline.

`cli` imports this package; it alone imports Apache Beam and Dask.
"""
