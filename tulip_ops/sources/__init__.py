"""Sources of acquisitions, behind the protocol of `base`.

`pipeline`, `reports`, `services` and `cli` import this package. It alone imports pystac-client,
sentinelhub, requests and urllib3 (`services` also uses the exceptions of urllib3).
"""
