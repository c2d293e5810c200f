"""The story: what happens to one acquisition, in the order of the pipeline.

Each step reads, thinks and writes, and knows the acquisition by its id alone. A step whose
product is there, whole and made from the same inputs by the same model does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from tulip_ops import (
    burning,
    clouds,
    cogs,
    detecting,
    inference,
    radiometry,
    stac,
    vectors,
)
from tulip_ops.domain import (
    Acquisition,
    AcquisitionId,
    Area,
    ModelReference,
    Outcome,
)
from tulip_ops.errors import BadData, NothingValid, ProductMissing
from tulip_ops.grid import WGS84, Grid, project, tile_grid
from tulip_ops.inference import Wanted
from tulip_ops.networks import engines, predict, registry
from tulip_ops.networks.backend import Graph
from tulip_ops.networks.engines import Engine
from tulip_ops.networks.predict import CloudFilter, UNet
from tulip_ops.postgis import detections as tables
from tulip_ops.postgis.connection import Connection
from tulip_ops.settings import Settings
from tulip_ops.sources import Source
from tulip_ops.sources.parts import StoredParts
from tulip_ops.store import Store
from tulip_ops.strips import Strips

CONTEXT = 640.0
"""Metres read around an area, so that fields on its border are seen whole and the networks
have surroundings."""
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


@dataclass(frozen=True, slots=True)
class NetworkWork:
    """What a step with a network has to do with one acquisition."""

    card: registry.Card
    engine: Engine
    recipe: str
    """Of the product that it makes."""
    is_done: bool
    """Whether that product is there, whole and by this recipe."""


def acquire(
    acquisition: Acquisition, areas: Sequence[Area], source: Source, store: Store, *, force: bool
) -> Outcome:
    """Bring the pixels over the areas to surface reflectance on the tile's 10 m grid."""
    grid = reading(acquisition, areas)
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


def reading(acquisition: Acquisition, areas: Sequence[Area]) -> Grid | None:
    """The part of the tile that `acquire` reads; None where the footprint reaches no area."""
    wanted = _ground(acquisition, areas)
    return None if wanted.is_empty else _window(acquisition, wanted)


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
    cogs.write_reflectance_strips(path, reads_all, grid, names[0])
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
    work = screening(acquisition_id, areas, store, settings)
    card, fresh = work.card, force or not work.is_done
    if fresh and not compute:
        raise ProductMissing(_not_whole(acquisition_id, "cloud.tif"))
    if fresh:
        reflectance_path = store.product(acquisition_id, "reflectance.tif")
        network = (
            predict.load_cloud_filter(card, settings.threads, work.engine)
            if said is None
            else CloudFilter(card, said())
        )
        kept = kept and kept.of(store.checksum(acquisition_id, "reflectance.tif"))
        with store.writing(acquisition_id, "cloud.tif") as path:
            share = _write_clouds(path, reflectance_path, network, areas, kept)
            _publish_probability(
                store,
                acquisition_id,
                "cloud.tif",
                path,
                card,
                work.engine,
                recipe=work.recipe,
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


def screening(
    acquisition_id: AcquisitionId, areas: Sequence[Area], store: Store, settings: Settings
) -> NetworkWork:
    """What `screen` has to do."""
    bands = _bands(store, acquisition_id)
    card = registry.choose(settings.models, "cloud-filter", settings.cloud_filter, bands)
    engine = engines.decide(card, engines.wish(settings))
    recipe = store.recipe(
        "screen",
        format=2,
        reflectance=store.checksum(acquisition_id, "reflectance.tif"),
        model=card.reference,
        engine=engine.recipe,
        areas=[area.geometry.wkb_hex for area in areas],
    )
    is_done = store.is_current(acquisition_id, "cloud.tif", recipe)
    return NetworkWork(card, engine, recipe, is_done)


def around(areas: Sequence[Area], grid: Grid) -> Wanted:
    """The ground that `screen` asks the cloud filter for: the areas and CONTEXT around them."""
    near = [project(area.geometry, WGS84, grid.epsg).buffer(CONTEXT) for area in areas]
    return lambda rows: burning.burn(near, grid.rows(rows)) >= 0


def _write_clouds(
    path: Path,
    reflectance: Path,
    network: CloudFilter,
    areas: Sequence[Area],
    kept: Strips | None,
) -> float:
    """Write cloud.tif, over the areas and CONTEXT around them; returns the clear share of them."""
    with cogs.stored(reflectance) as source:
        grid = source.grid
        cells, known = inference.cloud_probability(source, network, around(areas, grid), kept)
    inside_pixels, clear_pixels = 0, 0
    with cogs.writing_probability(path, grid, ("cloud",)) as writer:
        for rows, cloud in inference.spread_clouds(cells, known):
            writer.write(cloud[np.newaxis], rows.start, 0)
            inside = _inside(areas, grid.rows(rows))
            inside_pixels += int(np.count_nonzero(inside))
            clear = clouds.clear(cloud, network.card.threshold)
            clear_pixels += int(np.count_nonzero(clear & inside))
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
    work = segmenting(acquisition_id, store, settings)
    card = work.card
    if not force and work.is_done:
        if kept is not None:
            kept.forget()
        return _unchanged("segmented")
    if not compute:
        raise ProductMissing(_not_whole(acquisition_id, "tulip.tif"))
    with store.writing(acquisition_id, "tulip.tif") as path:
        share = _write_tulips(path, acquisition_id, store, settings, work, said, kept)
        _publish_probability(
            store,
            acquisition_id,
            "tulip.tif",
            path,
            card,
            work.engine,
            recipe=work.recipe,
            bands=("tulip", "bloom"),
            title="Probability of tulips and of tulips in flower",
        )
    figures: dict[str, float | int | str] = {
        "tulip_share": round(share, 4),
        "model": str(card.reference),
    }
    return Outcome("done", True, f"{share:.1%} of the clear ground is tulips", figures)


def segmenting(acquisition_id: AcquisitionId, store: Store, settings: Settings) -> NetworkWork:
    """What `segment` has to do."""
    bands = _bands(store, acquisition_id)
    card = registry.choose(settings.models, "unet", settings.unet, bands)
    engine = engines.decide(card, engines.wish(settings))
    recipe = store.recipe(
        "segment",
        format=2,
        reflectance=store.checksum(acquisition_id, "reflectance.tif"),
        cloud=store.checksum(acquisition_id, "cloud.tif"),
        model=card.reference,
        engine=engine.recipe,
    )
    is_done = store.is_current(acquisition_id, "tulip.tif", recipe)
    return NetworkWork(card, engine, recipe, is_done)


@contextmanager
def clear_ground(acquisition_id: AcquisitionId, store: Store) -> Iterator[Wanted]:
    """The ground that `segment` asks the U-Net for: what `screen` found clear."""
    threshold = float(store.asset(acquisition_id, "cloud.tif")["tulip:threshold"])
    with cogs.stored(store.product(acquisition_id, "cloud.tif")) as screened:
        yield lambda rows: clouds.clear(
            cogs.decode_probability(screened.rows(rows.start, rows.stop)[0]), threshold
        )


def _write_tulips(
    path: Path,
    acquisition_id: AcquisitionId,
    store: Store,
    settings: Settings,
    work: NetworkWork,
    said: Said | None,
    kept: Strips | None,
) -> float:
    """Write tulip.tif; returns the share of the clear ground that is tulips."""
    card = work.card
    kept = kept and kept.of(store.checksum(acquisition_id, "reflectance.tif"))
    with (
        cogs.stored(store.product(acquisition_id, "reflectance.tif")) as source,
        clear_ground(acquisition_id, store) as wanted,
    ):
        if said is None:
            network = predict.load_unet(card, settings.threads, work.engine)
            size = inference.window_size(card, source.grid.shape, settings.memory_gb)
        else:
            network, size = UNet(card, said()), WINDOW
        with cogs.writing_probability(path, source.grid, ("tulip", "bloom")) as writer:
            return inference.write_tulips(writer, source, network, wanted, size=size, kept=kept)


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
    with cogs.stored(store.product(acquisition_id, "tulip.tif")) as source:
        detections = detecting.detect_rows(
            lambda rows: cogs.decode_probability(source.rows(rows.start, rows.stop)),
            source.grid,
            areas,
            threshold=threshold,
            in_flower=in_flower,
            minimum_area=settings.minimum_area,
            threads=settings.threads,
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


def _bands(store: Store, acquisition_id: AcquisitionId) -> tuple[str, ...]:
    """What `acquire` wrote, without looking into the file; `ProductMissing`."""
    listed = store.asset(acquisition_id, "reflectance.tif")["bands"]
    return tuple(str(band["name"]) for band in listed)


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
        burning.burn([project(area.geometry, WGS84, grid.epsg) for area in areas], grid) >= 0
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
    path: Path,
    card: registry.Card,
    engine: Engine,
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
        scale=1 / cogs.PROBABILITY_STEPS,
        nodata=cogs.PROBABILITY_NODATA,
    )
    fields["tulip:threshold"] = card.threshold
    if card.bloom_threshold is not None:
        fields["tulip:bloom_threshold"] = card.bloom_threshold
    fields["tulip:engine"] = str(engine)
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
