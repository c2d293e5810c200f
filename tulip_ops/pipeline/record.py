"""The step `record`: detections into PostGIS."""

from __future__ import annotations

from tulip_ops.core.types import Outcome
from tulip_ops.pipeline import products
from tulip_ops.pipeline.context import StepContext
from tulip_ops.postgis import detections as tables
from tulip_ops.postgis.connection import Connection
from tulip_ops.storage import detections_file
from tulip_ops.storage.products import CLOUD, DETECTIONS, TULIP


def record(context: StepContext, database: Connection) -> Outcome:
    """Write the detections into PostGIS, in the place of older ones, in one transaction."""
    acquisition_id, store = context.id, context.store
    detections = detections_file.read_detections(store.product(acquisition_id, DETECTIONS))
    recorded = tables.record_detections(
        database,
        acquisition_id,
        detections,
        unet=products.network(store.asset(acquisition_id, TULIP)),
        cloud_filter=products.network(store.asset(acquisition_id, CLOUD)),
        sha256=store.recipe(  # of both: two empty detections are alike, what was seen is not
            "record",
            tulip=store.checksum(acquisition_id, TULIP),
            detections=store.checksum(acquisition_id, DETECTIONS),
        ),
        run_id=context.run_id,
    )
    summary = f"{recorded.rows} detections {'recorded' if recorded.changed else 'already recorded'}"
    return Outcome("done", recorded.changed, summary, {"detections": recorded.rows})
