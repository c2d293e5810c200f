"""Services around the pipeline: local PostGIS and Airflow, Compose, pods, the doctor.

`cli` imports this package, and `plugins/` imports `pods` of it. It alone imports httpx and the
Kubernetes client.
"""
