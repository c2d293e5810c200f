"""Beam's runners by name.

Apart from `runners`, so that the command line needs no Beam to offer them.
"""

DIRECT, DASK = "DirectRunner", "DaskRunner"
RUNNERS = (
    DIRECT, "PrismRunner", "FlinkRunner", "SparkRunner", "DataflowRunner", DASK, "PortableRunner",
)  # fmt: skip
