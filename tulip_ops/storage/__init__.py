"""Products, STAC items and vector files, in a folder or in S3.

All layers above import this package. Only this package imports boto3, pystac, pyarrow, geopandas and
pyogrio.
"""
