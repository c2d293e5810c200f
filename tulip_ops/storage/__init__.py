"""Products, STAC items and vector files, in a folder or in S3.

All layers above import this package. It alone imports boto3, pystac, pyarrow, geopandas and
pyogrio.
"""
