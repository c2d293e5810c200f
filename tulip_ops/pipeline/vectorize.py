"""The step `vectorize`: from probabilities to polygons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tulip_ops.core.errors import ProductMissing
from tulip_ops.core.types import AcquisitionId, Outcome
from tulip_ops.fields.delineation import detect
from tulip_ops.pipeline import products
from tulip_ops.pipeline.context import StepContext
from tulip_ops.raster import cog
from tulip_ops.storage import detections_file
from tulip_ops.storage.products import CLOUD, DETECTIONS, TULIP


def vectorize(context: StepContext) -> Outcome:
    """Turn the probabilities into polygons that share borders, with statistics of each."""
    acquisition_id, store, settings = context.id, context.store, context.settings
    made = store.asset(acquisition_id, TULIP)
    threshold, in_flower = float(made["tulip:threshold"]), float(made["tulip:bloom_threshold"])
    recipe = store.recipe(
        "vectorize",
        format=DETECTIONS.format,
        tulip=store.checksum(acquisition_id, TULIP),
        threshold=threshold,
        in_flower=in_flower,
        minimum_area=settings.fields.minimum_area_m2,
        outlines=settings.fields.outlines,
        areas=[area.geometry.wkb_hex for area in context.areas],
    )
    if not context.force and store.is_current(acquisition_id, DETECTIONS, recipe):
        return products.unchanged("vectorized")
    noise = _noise(acquisition_id, made)
    with cog.open_cog(store.product(acquisition_id, TULIP)) as source:
        detections = detect.detect_rows(
            lambda rows: source.read_rows(rows.start, rows.stop),
            source.grid,
            context.areas,
            threshold=threshold,
            in_flower=in_flower,
            noise=noise,
            minimum_area=settings.fields.minimum_area_m2,
            outlines=settings.fields.outlines,
            threads=detect.threads_that_fit(
                source.grid.width, settings.execution.memory_gb, settings.execution.threads
            ),
        )
    with store.writing(acquisition_id, DETECTIONS) as path:
        detections_file.write_detections(
            path,
            detections,
            acquisition_id=str(acquisition_id),
            **products.provenance("model", made),
            **products.provenance("cloud_filter", store.asset(acquisition_id, CLOUD)),
            run_id=context.run_id,
        )
        products.detections(store, acquisition_id, path, recipe=recipe, count=len(detections))
    hectares = sum(detection.area_m2 for detection in detections) / 1e4
    figures = {"detections": len(detections), "hectares": round(hectares, 2)}
    return Outcome("done", True, f"{len(detections)} fields on {hectares:.1f} ha", figures)


def _noise(acquisition_id: AcquisitionId, made: Mapping[str, Any]) -> float:
    """Deviation of the `Noise` of tulip.tif, as its asset has it."""
    if "tulip:noise" not in made:
        raise ProductMissing(
            f"{TULIP.name} of {acquisition_id} was made by an earlier release, its noise is not"
            f" known; repeat `tulip segment {acquisition_id}`"
        )
    return float(made["tulip:noise"])
