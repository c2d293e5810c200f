"""Plans inference windows that other processes compute.

A step streams its raster through its network. In the Beam pipeline one process plans
the windows, others read and infer them, and the step streams its raster through
their outputs. Windows and outputs are those of `streaming` in either case.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.processing_settings import NetworkSettings
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import AcquisitionId, NetworkStep
from tulip_ops.ml.inference import (
    engine_selection,
    model_registry,
    predictors,
    streaming,
    window_layout,
)
from tulip_ops.ml.inference.model_registry import Card
from tulip_ops.ml.inference.predictors import CloudFilter, UNet
from tulip_ops.pipeline import area_masks
from tulip_ops.pipeline.context import StepContext
from tulip_ops.pipeline.networks import PRECOMPUTED_WINDOW, WindowOutputs
from tulip_ops.pipeline.product_state import network_task
from tulip_ops.pipeline.run import ledger_entry
from tulip_ops.postgis import areas as area_table
from tulip_ops.postgis import connection
from tulip_ops.raster import cog, tiling
from tulip_ops.raster.grid import STRIP_ROWS
from tulip_ops.raster.reflectance import DN_NODATA
from tulip_ops.storage.product_store import ProductStore, open_store
from tulip_ops.storage.products import REFLECTANCE


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """Windows of one acquisition that the network of a step is to infer."""

    model: str
    """As name/version."""
    numbers: tuple[int, ...]
    """Of the windows that answer for ground of which something is to be known, in order."""


def window_request(
    step: NetworkStep, acquisition_id: AcquisitionId, settings: Settings
) -> WindowRequest | None:
    """Windows that the network of `step` must infer before its attempt; None if there are none."""
    with connection.connect(settings.database.writer_url(), f"tulip {step}") as database:
        entry = ledger_entry(database, acquisition_id, settings)
        areas = area_table.get_areas(database, entry.areas)
    context = StepContext(
        entry.acquisition, areas, open_store(settings.storage), settings, run_id=""
    )
    task = network_task(step, context)
    if task.is_current:
        return None
    with cog.open_cog(context.store.product(acquisition_id, REFLECTANCE)) as source:
        if step == "screen":
            wanted = _known(source, task.card, area_masks.rows_around(areas, source.grid))
        else:
            with area_masks.clear_mask(acquisition_id, context.store) as clear:
                wanted = _known(source, task.card, clear)
        asked = window_layout.windows_to_infer(
            task.card, _plan(task.card, *source.grid.shape), wanted
        )
    return WindowRequest(str(task.card.reference), tuple(window.number for window in asked))


class Reader:
    """Reads requested windows; caches the last acquisition that it opened."""

    def __init__(self, store: ProductStore, models: Path) -> None:
        """models: folder of the networks."""
        self._store, self._models = store, models
        self._last: tuple[AcquisitionId, str] | None = None
        self._path = Path()

    def window(self, acquisition_id: AcquisitionId, model: str, number: int) -> NDArray[np.uint16]:
        """(bands, height, width) of a window, as the networks take them.

        `ProductMissing`, `ProductDamaged`: the file is verified before its first window is read.
        """
        if self._last != (acquisition_id, model):
            self._path = self._store.product(acquisition_id, REFLECTANCE)
            self._card = model_registry.find(self._models, model)
            self._last = (acquisition_id, model)
        with cog.open_cog(self._path) as source:
            plan = _plan(self._card, *source.grid.shape)
            window = window_layout.windows(self._card, plan)[number]
            places = predictors.band_indices(self._card, source.bands)
            return tiling.pad_window(source.read_window(window.rows, window.columns, places), plan)


class Network:
    """A network that infers single windows, from any thread."""

    def __init__(
        self, step: NetworkStep, model: str, settings: NetworkSettings, threads: int
    ) -> None:
        """Loads it; `ModelDamaged`, `ModelNotFound`, or what the engine raises."""
        card = model_registry.find(settings.models, model)
        engine = engine_selection.choose_engine(card, engine_selection.engine_request(settings))
        load = predictors.load_cloud_filter if step == "screen" else predictors.load_unet
        self._network: CloudFilter | UNet = load(card, threads, engine)
        self._lock = threading.Lock()  # it has its threads already, and not every engine shares

    def __call__(self, pixels: NDArray[Any]) -> WindowOutputs:
        """(bands, height, width) of a window to its outputs."""
        read = self._network.normalized(pixels[np.newaxis])
        with self._lock:
            return {name: values[0] for name, values in self._network.run(read).items()}


def _plan(card: Card, height: int, width: int) -> tiling.TilingPlan:
    return window_layout.plan(card, height, width, size=PRECOMPUTED_WINDOW)


def _known(source: cog.CogReader, card: Card, wanted: streaming.RowMask) -> NDArray[np.bool_]:
    """(height, width): what is wanted and was measured in all bands that the network reads."""
    places = predictors.band_indices(card, source.bands)
    known = np.empty(source.grid.shape, dtype=np.bool_)
    for first in range(0, source.grid.height, STRIP_ROWS):
        rows = slice(first, min(first + STRIP_ROWS, source.grid.height))
        measured = (source.read_rows(rows.start, rows.stop, places) != DN_NODATA).all(axis=0)
        known[rows] = measured & wanted(rows)
    return known
