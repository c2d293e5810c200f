"""The story: what happens to one acquisition, in the order of the pipeline.

Each step reads, thinks and writes, and knows the acquisition by its id alone. A step whose
product is there, whole and made from the same inputs by the same model does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from tulip_ops import clouds, polygons, radiometry, rasters, stac, valleys, vectors
from tulip_ops.domain import (
    Acquisition,
    AcquisitionId,
    Area,
    Detection,
    ModelReference,
    Outcome,
)
from tulip_ops.errors import BadData, NothingValid, ProductMissing
from tulip_ops.grid import WGS84, Grid, project, tile_grid
from tulip_ops.networks import registry
from tulip_ops.postgis import detections as tables
from tulip_ops.postgis.connection import Connection
from tulip_ops.settings import Settings
from tulip_ops.sources import Source
from tulip_ops.sources.parts import StoredParts
from tulip_ops.store import Store

CONTEXT = 640.0
"""Metres read around an area, so that fields on its border are seen whole and the networks
have surroundings."""
STRIP_PIXELS = 12_000_000
"""Pixels of a band that are read at once; ten bands of them take half a gigabyte."""


def acquire(
    acquisition: Acquisition, areas: Sequence[Area], source: Source, store: Store, *, force: bool
) -> Outcome:
    """Bring the pixels over the areas to surface reflectance on the tile's 10 m grid."""
    wanted = _ground(acquisition, areas)
    if wanted.is_empty:
        return Outcome("skipped", fresh=True, summary="it lies outside every area", figures={})
    grid = _window(acquisition, wanted)
    recipe = store.recipe("acquire", format=1, source=source.fingerprint(acquisition), grid=grid)
    kept = StoredParts(store.address(acquisition.id, ".parts"), store.places)
    if not force and store.is_current(acquisition.id, "reflectance.tif", recipe):
        kept.drop()
        return _unchanged("acquired")
    kept.drop(but=None if force else recipe)
    with store.writing(acquisition.id, "reflectance.tif") as path:
        try:
            bands, valid = _read_into(path, source, acquisition, grid, kept.below(recipe))
            measured = clouds.clear_fraction(valid, _inside(areas, grid))
            if measured == 0:
                raise NothingValid(
                    f"{acquisition.id} holds no valid pixel over {_names(areas)}; look at"
                    f" {acquisition.href}, its footprint promised some"
                )
        except BadData:
            kept.drop()  # if somebody repairs the scene, nothing of the bad one must be left
            raise
        store.start_item(acquisition.id, stac.product_item(acquisition, grid, bands))
        _publish_reflectance(store, acquisition.id, path, bands, recipe, measured)
    kept.drop()
    summary = f"{len(bands)} bands of {grid.width} x {grid.height} px, {measured:.0%} measured"
    return Outcome("done", True, summary, {"measured_fraction": round(measured, 4)})


def _read_into(
    path: Path, source: Source, acquisition: Acquisition, grid: Grid, parts: StoredParts
) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Write the reflectance on `grid` to `path`, one strip in memory at a time.

    Returns the names of the bands, and (height, width) where all of them were measured.
    """
    strips = list(grid.strips(STRIP_PIXELS))
    names: list[tuple[str, ...]] = []
    valid: list[NDArray[np.bool_]] = []

    def read(number: int) -> NDArray[np.float32]:
        values, bands = source.read(acquisition, strips[number], parts.below(str(number)))
        names.append(bands)
        valid.append(np.logical_and.reduce(np.isfinite(values), axis=0))
        return values

    reads = map(read, range(len(strips)))
    reads_all = chain([next(reads)], reads)  # the first one says which bands there are
    rasters.write_reflectance_strips(path, reads_all, grid, names[0])
    return names[0], np.concatenate(valid)


def screen(
    acquisition_id: AcquisitionId,
    areas: Sequence[Area],
    store: Store,
    settings: Settings,
    *,
    force: bool,
    compute: bool = True,
) -> Outcome:
    """Let the cloud filter say where the ground is clear; too little ends the acquisition.

    compute: False to raise `ProductMissing` where the network would have to run.
    """
    reflectance_path = store.product(acquisition_id, "reflectance.tif")
    bands = rasters.band_names(reflectance_path)
    card = registry.choose(settings.models, "cloud-filter", settings.cloud_filter, bands)
    recipe = store.recipe(
        "screen",
        format=1,
        reflectance=store.checksum(acquisition_id, "reflectance.tif"),
        model=card.reference,
        areas=[area.geometry.wkb_hex for area in areas],
    )
    fresh = force or not store.is_current(acquisition_id, "cloud.tif", recipe)
    if fresh and not compute:
        raise ProductMissing(_not_whole(acquisition_id, "cloud.tif"))
    if fresh:
        from tulip_ops.networks import predict

        reflectance, bands, grid = rasters.read_reflectance(reflectance_path)
        cloud = predict.load_cloud_filter(card, settings.threads).cloud_probability(
            reflectance, bands
        )
        clear = clouds.clear(cloud, card.threshold)
        share = clouds.clear_fraction(clear, _inside(areas, grid))
        _publish_probability(
            store,
            acquisition_id,
            "cloud.tif",
            cloud[np.newaxis],
            grid,
            card,
            recipe=recipe,
            bands=("cloud",),
            title="Cloud probability",
            properties={"tulip:clear_fraction": round(share, 4)},
        )
    share = float(store.properties(acquisition_id)["tulip:clear_fraction"])
    figures: dict[str, float | int | str] = {"clear_fraction": share, "model": str(card.reference)}
    if share < settings.minimum_clear:
        summary = f"{share:.0%} clear, less than the {settings.minimum_clear:.0%} that is needed"
        return Outcome("skipped", fresh, f"too cloudy: {summary}", figures)
    return Outcome("done", fresh, f"{share:.0%} of the areas is clear", figures)


def segment(
    acquisition_id: AcquisitionId,
    store: Store,
    settings: Settings,
    *,
    force: bool,
    compute: bool = True,
) -> Outcome:
    """Let the U-Net say where tulips grow and where they flower, on clear ground alone.

    compute: False to raise `ProductMissing` where the network would have to run.
    """
    reflectance_path = store.product(acquisition_id, "reflectance.tif")
    cloud_path = store.product(acquisition_id, "cloud.tif")
    bands = rasters.band_names(reflectance_path)
    card = registry.choose(settings.models, "unet", settings.unet, bands)
    recipe = store.recipe(
        "segment",
        format=1,
        reflectance=store.checksum(acquisition_id, "reflectance.tif"),
        cloud=store.checksum(acquisition_id, "cloud.tif"),
        model=card.reference,
    )
    if not force and store.is_current(acquisition_id, "tulip.tif", recipe):
        return _unchanged("segmented")
    if not compute:
        raise ProductMissing(_not_whole(acquisition_id, "tulip.tif"))
    from tulip_ops.networks import predict

    reflectance, bands, grid = rasters.read_reflectance(reflectance_path)
    cloud, _ = rasters.read_probability(cloud_path)
    threshold = float(store.asset(acquisition_id, "cloud.tif")["tulip:threshold"])
    tulip = predict.load_unet(card, settings.threads).tulip_probability(reflectance, bands)
    tulip[:, ~clouds.clear(cloud[0], threshold)] = np.nan
    _publish_probability(
        store,
        acquisition_id,
        "tulip.tif",
        tulip,
        grid,
        card,
        recipe=recipe,
        bands=("tulip", "bloom"),
        title="Probability of tulips and of tulips in flower",
    )
    share = float((tulip[0] >= card.threshold).sum() / max(1, np.isfinite(tulip[0]).sum()))
    figures: dict[str, float | int | str] = {
        "tulip_share": round(share, 4),
        "model": str(card.reference),
    }
    return Outcome("done", True, f"{share:.1%} of the clear ground is tulips", figures)


def vectorize(
    acquisition_id: AcquisitionId,
    areas: Sequence[Area],
    store: Store,
    settings: Settings,
    *,
    force: bool,
    run_id: str,
) -> Outcome:
    """Turn the probabilities into polygons that share borders and carry their figures."""
    tulip_path = store.product(acquisition_id, "tulip.tif")
    made = store.asset(acquisition_id, "tulip.tif")
    threshold, in_flower = float(made["tulip:threshold"]), float(made["tulip:bloom_threshold"])
    recipe = store.recipe(
        "vectorize",
        format=2,
        tulip=store.checksum(acquisition_id, "tulip.tif"),
        threshold=threshold,
        in_flower=in_flower,
        minimum_area=settings.minimum_area,
        areas=[area.geometry.wkb_hex for area in areas],
    )
    if not force and store.is_current(acquisition_id, "detections.parquet", recipe):
        return _unchanged("vectorized")
    probability, grid = rasters.read_probability(tulip_path)
    detections = detect(
        probability,
        grid,
        areas,
        threshold=threshold,
        in_flower=in_flower,
        minimum_area=settings.minimum_area,
    )
    with store.writing(acquisition_id, "detections.parquet") as path:
        vectors.write_detections(
            path,
            detections,
            acquisition_id=str(acquisition_id),
            **_provenance("model", made),
            **_provenance("cloud_filter", store.asset(acquisition_id, "cloud.tif")),
            run_id=run_id,
        )
        store.publish(
            acquisition_id,
            "detections.parquet",
            path,
            recipe=recipe,
            title="Detected tulip fields",
            media_type=stac.PARQUET,
            properties={"tulip:detections": len(detections)},
        )
    hectares = sum(detection.area_m2 for detection in detections) / 1e4
    figures = {"detections": len(detections), "hectares": round(hectares, 2)}
    return Outcome("done", True, f"{len(detections)} fields on {hectares:.1f} ha", figures)


def detect(
    probability: NDArray[np.float32],
    grid: Grid,
    areas: Sequence[Area],
    *,
    threshold: float,
    in_flower: float,
    minimum_area: float,
) -> list[Detection]:
    """The tulip fields in `probability` that reach into an area.

    probability: (2, height, width) float32 in [0, 1], tulip and bloom; NaN where not seen.
    threshold, in_flower: probability from which a pixel is tulip, and in flower.
    minimum_area: smaller fields are left out, m2.
    """
    tulip, bloom = probability
    smallest = minimum_area / grid.resolution**2
    traced = rasters.trace_labels(valleys.part(tulip, threshold=threshold, smallest=smallest), grid)
    outlines = polygons.simplify(traced, resolution=grid.resolution, minimum_area=minimum_area)
    reach = shapely.union_all([project(area.geometry, WGS84, grid.epsg) for area in areas])
    outlines = [outline for outline in outlines if outline.intersects(reach)]
    labels = rasters.burn(outlines, grid)
    return polygons.measure(outlines, labels, tulip, bloom, grid, in_flower=in_flower)


def record(
    acquisition_id: AcquisitionId, store: Store, database: Connection, *, run_id: str
) -> Outcome:
    """Write the detections into PostGIS, in the place of older ones, in one transaction."""
    detections = vectors.read_detections(store.product(acquisition_id, "detections.parquet"))
    recorded = tables.record_detections(
        database,
        acquisition_id,
        detections,
        unet=ModelReference(**store.asset(acquisition_id, "tulip.tif")["tulip:model"]),
        cloud_filter=ModelReference(**store.asset(acquisition_id, "cloud.tif")["tulip:model"]),
        sha256=store.recipe(  # of both: two empty detections are alike, what was seen is not
            "record",
            tulip=store.checksum(acquisition_id, "tulip.tif"),
            detections=store.checksum(acquisition_id, "detections.parquet"),
        ),
        run_id=run_id,
    )
    summary = f"{recorded.rows} detections {'recorded' if recorded.changed else 'already recorded'}"
    return Outcome("done", recorded.changed, summary, {"detections": recorded.rows})


def _window(acquisition: Acquisition, wanted: BaseGeometry) -> Grid:
    """The part of the tile that is read: around what is wanted, within the footprint."""
    whole = tile_grid(acquisition.id.tile)
    around = project(wanted, WGS84, whole.epsg).buffer(CONTEXT)
    covered = project(acquisition.footprint, WGS84, whole.epsg)
    return whole.window(around.envelope.intersection(covered.envelope).bounds)


def _ground(acquisition: Acquisition, areas: Sequence[Area]) -> BaseGeometry:
    """What the footprint covers of the areas, EPSG:4326."""
    together: BaseGeometry = shapely.union_all([area.geometry for area in areas])
    return together.intersection(acquisition.footprint)


def _inside(areas: Sequence[Area], grid: Grid) -> NDArray[np.bool_]:
    """(height, width): True where a pixel's centre lies in an area."""
    inside: NDArray[np.bool_] = (
        rasters.burn([project(area.geometry, WGS84, grid.epsg) for area in areas], grid) >= 0
    )
    return inside


def _publish_reflectance(
    store: Store,
    acquisition_id: AcquisitionId,
    path: Path,
    bands: Sequence[str],
    recipe: str,
    measured: float,
) -> None:
    """measured: share of the areas' ground that was measured in all bands."""
    store.publish(
        acquisition_id,
        "reflectance.tif",
        path,
        recipe=recipe,
        title="Surface reflectance",
        media_type=stac.COG,
        fields=stac.encoding_fields(
            bands,
            dtype="uint16",
            scale=radiometry.DN_SCALE,
            offset=radiometry.DN_OFFSET,
            nodata=radiometry.DN_NODATA,
        ),
        properties={"tulip:measured_fraction": round(measured, 4)},
    )


def _publish_probability(
    store: Store,
    acquisition_id: AcquisitionId,
    name: str,
    probability: NDArray[np.float32],
    grid: Grid,
    card: registry.Card,
    *,
    recipe: str,
    bands: Sequence[str],
    title: str,
    properties: Mapping[str, object] | None = None,
) -> None:
    """Publish what a network gave; its thresholds travel with it."""
    fields = stac.encoding_fields(
        bands,
        dtype="uint8",
        scale=1 / rasters.PROBABILITY_STEPS,
        nodata=rasters.PROBABILITY_NODATA,
    )
    fields["tulip:threshold"] = card.threshold
    if card.bloom_threshold is not None:
        fields["tulip:bloom_threshold"] = card.bloom_threshold
    with store.writing(acquisition_id, name) as path:
        rasters.write_probability(path, probability, grid, bands)
        store.publish(
            acquisition_id,
            name,
            path,
            recipe=recipe,
            title=title,
            media_type=stac.COG,
            model=card.reference,
            fields=fields,
            properties=properties,
        )


def _provenance(role: str, asset: Mapping[str, Any]) -> dict[str, str]:
    """Columns that name the network behind an asset."""
    model = ModelReference(**asset["tulip:model"])
    return {f"{role}_{part}": getattr(model, part) for part in ("name", "version", "sha256")}


def _names(areas: Sequence[Area]) -> str:
    return ", ".join(area.name for area in areas)


def _not_whole(acquisition_id: AcquisitionId, name: str) -> str:
    return f"{name} of {acquisition_id} is not there, or was made of other inputs"


def _unchanged(what: str) -> Outcome:
    return Outcome("done", False, f"already {what}, nothing changed", {})
