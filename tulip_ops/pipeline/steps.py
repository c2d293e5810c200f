"""The story: what happens to one acquisition, in the order of the pipeline.

Each step reads, thinks and writes, and knows the acquisition by its id alone. A step whose
product is there, whole and made from the same inputs by the same model does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BadData, NothingValid, ProductMissing
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import Acquisition, AcquisitionId, Area, Outcome
from tulip_ops.fields.delineation import detect
from tulip_ops.ml.inference import memory_budget, predictors, streaming
from tulip_ops.ml.inference.keras_backend import Graph
from tulip_ops.ml.inference.predictors import CloudFilter, UNet
from tulip_ops.ml.inference.strip_cache import Strips
from tulip_ops.pipeline import area_masks, clouds, product_state, products
from tulip_ops.pipeline.product_state import Duty
from tulip_ops.postgis import detections as tables
from tulip_ops.postgis.connection import Connection
from tulip_ops.raster import cog
from tulip_ops.raster.grid import Grid
from tulip_ops.sources import Source
from tulip_ops.sources.read_cache import StoredParts
from tulip_ops.storage import vector_files
from tulip_ops.storage.product_store import Store

WINDOW = 768
"""Pixels on a side of the U-Net's windows that others than `segment` ask for: what it says does not
depend on it, and ten bands of one take twelve megabytes on their way."""
STRIP_PIXELS = 12_000_000
"""Pixels of a band that are read at once; ten bands of them take half a gigabyte."""

Said: TypeAlias = Callable[[], Graph]
"""Gives what stands for the network of a step, where others asked it before.

That is called for each window that is to be known, in their order, and gives what was said of it.
Raises what kept the network from being asked.
"""


def acquire(
    acquisition: Acquisition, areas: Sequence[Area], source: Source, store: Store, *, force: bool
) -> Outcome:
    """Bring the pixels over the areas to surface reflectance on the tile's 10 m grid."""
    grid = area_masks.reading(acquisition, areas)
    if grid is None:
        return Outcome("skipped", fresh=True, summary="it lies outside every area", figures={})
    recipe = store.recipe("acquire", format=1, source=source.fingerprint(acquisition), grid=grid)
    kept = StoredParts(store.address(acquisition.id, ".parts"), store.places)
    if not force and store.is_current(acquisition.id, "reflectance.tif", recipe):
        kept.drop()
        return _unchanged("acquired")
    kept.drop(but=None if force else recipe)
    with store.writing(acquisition.id, "reflectance.tif") as path:
        try:
            bands, valid = _read_into(path, source, acquisition, grid, kept.below(recipe))
            measured = clouds.clear_fraction(valid, area_masks.inside(areas, grid))
            if measured == 0:
                raise NothingValid(
                    f"{acquisition.id} holds no valid pixel over {_names(areas)}; look at"
                    f" {acquisition.href}, its footprint promised some"
                )
        except BadData:
            kept.drop()  # if somebody repairs the scene, nothing of the bad one must be left
            raise
        products.reflectance(
            store, acquisition, path, grid, bands, recipe=recipe, measured=measured
        )
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
    cog.write_reflectance_strips(path, reads_all, grid, names[0])
    return names[0], np.concatenate(valid)


def screen(
    acquisition_id: AcquisitionId,
    areas: Sequence[Area],
    store: Store,
    settings: Settings,
    *,
    force: bool,
    said: Said | None = None,
    kept: Strips | None = None,
    compute: bool = True,
) -> Outcome:
    """Let the cloud filter say where the ground is clear; too little ends the acquisition.

    said: what it said already, where others asked it. kept: takes what is read of the pixels, for
    `segment` in the same process. compute: False to raise `ProductMissing` where the network
    would have to run.
    """
    duty = product_state.screening(acquisition_id, areas, store, settings)
    card, fresh = duty.card, force or not duty.is_done
    if fresh and not compute:
        raise ProductMissing(_not_whole(acquisition_id, "cloud.tif"))
    if fresh:
        kept = kept and kept.of(store.checksum(acquisition_id, "reflectance.tif"))
        with store.writing(acquisition_id, "cloud.tif") as path:
            with store.reading(acquisition_id, "reflectance.tif") as reflectance:
                network = _cloud_filter(duty, settings, said)
                share = _write_clouds(path, reflectance, network, areas, kept)
            products.clouds(store, acquisition_id, path, duty, clear=share)
    share = float(store.properties(acquisition_id)["tulip:clear_fraction"])
    figures: dict[str, float | int | str] = {"clear_fraction": share, "model": str(card.reference)}
    if share < settings.minimum_clear:
        summary = f"{share:.0%} clear, less than the {settings.minimum_clear:.0%} that is needed"
        return Outcome("skipped", fresh, f"too cloudy: {summary}", figures)
    return Outcome("done", fresh, f"{share:.0%} of the areas is clear", figures)


def _cloud_filter(duty: Duty, settings: Settings, said: Said | None) -> CloudFilter:
    if said is not None:
        return CloudFilter(duty.card, said())
    threads = settings.threads
    return predictors.load_cloud_filter(duty.card, threads, duty.engine, at_once=threads)


def _write_clouds(
    path: Path,
    reflectance: Path,
    network: CloudFilter,
    areas: Sequence[Area],
    kept: Strips | None,
) -> float:
    """Write cloud.tif, over the areas and CONTEXT around them; returns the clear share of them."""
    with cog.stored(reflectance) as source:
        grid = source.grid
        cells, known = streaming.cloud_probability(
            source, network, area_masks.around(areas, grid), kept
        )
    stored = streaming.spread(cog.encode_probability(cells), known, cog.PROBABILITY_NODATA)
    clear = streaming.spread(clouds.clear(cells, network.card.threshold), known, nothing=False)
    inside_pixels, clear_pixels = 0, 0
    with cog.writing_probability(path, grid, ("cloud",)) as writer:
        for (rows, cloud), (_, clear_here) in zip(stored, clear, strict=True):
            writer.put(cloud[np.newaxis], rows.start, 0)
            inside = area_masks.inside(areas, grid.rows(rows))
            inside_pixels += int(np.count_nonzero(inside))
            clear_pixels += int(np.count_nonzero(clear_here & inside))
    return clear_pixels / inside_pixels if inside_pixels else 0.0


def segment(
    acquisition_id: AcquisitionId,
    store: Store,
    settings: Settings,
    *,
    force: bool,
    said: Said | None = None,
    kept: Strips | None = None,
    compute: bool = True,
) -> Outcome:
    """Let the U-Net say where tulips grow and where they flower, on clear ground alone.

    said: as `screen`, of windows of the size `WINDOW`. kept: what `screen` read of the pixels in
    this process; nothing is left of it. compute: as `screen`.
    """
    duty = product_state.segmenting(acquisition_id, store, settings)
    if not force and duty.is_done:
        if kept is not None:
            kept.forget()
        return _unchanged("segmented")
    if not compute:
        raise ProductMissing(_not_whole(acquisition_id, "tulip.tif"))
    with store.writing(acquisition_id, "tulip.tif") as path:
        made = _write_tulips(path, acquisition_id, store, settings, duty, said, kept)
        products.tulips(store, acquisition_id, path, duty, noise=made.noise)
    figures: dict[str, float | int | str] = {
        "tulip_share": round(made.share, 4),
        "model": str(duty.card.reference),
    }
    return Outcome("done", True, f"{made.share:.1%} of the clear ground is tulips", figures)


def _write_tulips(
    path: Path,
    acquisition_id: AcquisitionId,
    store: Store,
    settings: Settings,
    duty: Duty,
    said: Said | None,
    kept: Strips | None,
) -> streaming.Tulips:
    """Write tulip.tif."""
    card = duty.card
    kept = kept and kept.of(store.checksum(acquisition_id, "reflectance.tif"))
    with (
        store.reading(acquisition_id, "reflectance.tif") as reflectance,
        cog.stored(reflectance) as source,
        area_masks.clear(acquisition_id, store) as wanted,
    ):
        if said is None:
            network = predictors.load_unet(card, settings.threads, duty.engine)
            shape, memory_gb = source.grid.shape, settings.memory_gb
            size = memory_budget.window_size(card, duty.engine, shape, memory_gb)
        else:
            network, size = UNet(card, said()), WINDOW
        with cog.writing_probability(path, source.grid, ("tulip", "bloom")) as writer:
            return streaming.write_tulips(writer, source, network, wanted, size=size, kept=kept)


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
    made = store.asset(acquisition_id, "tulip.tif")
    threshold, in_flower = float(made["tulip:threshold"]), float(made["tulip:bloom_threshold"])
    recipe = store.recipe(
        "vectorize",
        format=3,
        tulip=store.checksum(acquisition_id, "tulip.tif"),
        threshold=threshold,
        in_flower=in_flower,
        minimum_area=settings.minimum_area,
        areas=[area.geometry.wkb_hex for area in areas],
    )
    if not force and store.is_current(acquisition_id, "detections.parquet", recipe):
        return _unchanged("vectorized")
    noise = _noise(acquisition_id, made)
    with cog.stored(store.product(acquisition_id, "tulip.tif")) as source:
        detections = detect.detect_rows(
            lambda rows: source.rows(rows.start, rows.stop),
            source.grid,
            areas,
            threshold=threshold,
            in_flower=in_flower,
            noise=noise,
            minimum_area=settings.minimum_area,
            decode=cog.decode_probability,
            threads=detect.threads_that_fit(
                source.grid.width, settings.memory_gb, settings.threads
            ),
        )
    with store.writing(acquisition_id, "detections.parquet") as path:
        vector_files.write_detections(
            path,
            detections,
            acquisition_id=str(acquisition_id),
            **products.provenance("model", made),
            **products.provenance("cloud_filter", store.asset(acquisition_id, "cloud.tif")),
            run_id=run_id,
        )
        products.detections(store, acquisition_id, path, recipe=recipe, count=len(detections))
    hectares = sum(detection.area_m2 for detection in detections) / 1e4
    figures = {"detections": len(detections), "hectares": round(hectares, 2)}
    return Outcome("done", True, f"{len(detections)} fields on {hectares:.1f} ha", figures)


def record(
    acquisition_id: AcquisitionId, store: Store, database: Connection, *, run_id: str
) -> Outcome:
    """Write the detections into PostGIS, in the place of older ones, in one transaction."""
    detections = vector_files.read_detections(store.product(acquisition_id, "detections.parquet"))
    recorded = tables.record_detections(
        database,
        acquisition_id,
        detections,
        unet=products.network(store.asset(acquisition_id, "tulip.tif")),
        cloud_filter=products.network(store.asset(acquisition_id, "cloud.tif")),
        sha256=store.recipe(  # of both: two empty detections are alike, what was seen is not
            "record",
            tulip=store.checksum(acquisition_id, "tulip.tif"),
            detections=store.checksum(acquisition_id, "detections.parquet"),
        ),
        run_id=run_id,
    )
    summary = f"{recorded.rows} detections {'recorded' if recorded.changed else 'already recorded'}"
    return Outcome("done", recorded.changed, summary, {"detections": recorded.rows})


def _names(areas: Sequence[Area]) -> str:
    return ", ".join(area.name for area in areas)


def _not_whole(acquisition_id: AcquisitionId, name: str) -> str:
    return f"{name} of {acquisition_id} is not there, or was made of other inputs"


def _noise(acquisition_id: AcquisitionId, made: Mapping[str, Any]) -> float:
    """Deviation of the `watershed.Noise` of tulip.tif, as its asset has it."""
    if "tulip:noise" not in made:
        raise ProductMissing(
            f"tulip.tif of {acquisition_id} was made by an earlier release, its noise is not known;"
            f" repeat `tulip segment {acquisition_id}`"
        )
    return float(made["tulip:noise"])


def _unchanged(what: str) -> Outcome:
    return Outcome("done", False, f"already {what}, nothing changed", {})
