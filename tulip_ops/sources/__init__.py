"""Where acquisitions come from, behind the protocol of `base`.

`pipeline`, `reports`, `services` and `cli` import this package. It alone imports pystac-client,
sentinelhub, requests and urllib3 (the exceptions of urllib3 are known to `services` as well).
"""
