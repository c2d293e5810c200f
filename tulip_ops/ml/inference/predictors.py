"""Running the networks: over windows and over rasters in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BandMissing, ModelNotFound
from tulip_ops.ml.inference import model_loading, window_layout
from tulip_ops.ml.inference.engine_selection import KERAS, Engine
from tulip_ops.ml.inference.keras_backend import InferenceFn, NetworkOutputs
from tulip_ops.ml.inference.model_registry import Card, ResNetArchitecture, UNetArchitecture
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster import tiling

Windows = NDArray[np.float32] | NDArray[np.uint16]
"""(N, bands, height, width) of the network's bands, in its order: reflectance, NaN where nothing
was measured, or DN as `cog.write_reflectance` stores them, 0 where nothing was."""

ROWS_IN_CACHE = 32
"""Rows of windows that are worked on at a time, so that they stay in the processor's cache."""


class _Network:
    """Base of both kinds: a card, and the engine that runs its network.

    A call is `calibrated(run(normalized(windows)))`; `streaming` does the first and the last
    in other threads than the one in the middle.
    """

    def __init__(
        self, card: Card, run: InferenceFn, engine: Engine = KERAS, at_once: int = 1
    ) -> None:
        """engine: behind `run`. at_once: how many threads may call that at a time."""
        self.card = card
        self.run = run
        self.engine = engine
        self.at_once = at_once

    def normalized(self, windows: Windows) -> NDArray[np.float32]:
        """What the network reads, (N, bands, height, width); both kinds of input alike."""
        out = np.empty(windows.shape, dtype=np.float32)
        if windows.dtype == np.uint16:
            for stored, normal in zip(windows, out, strict=True):
                self._look_up(stored, normal)
        else:
            last = np.moveaxis(np.asarray(windows, dtype=np.float32), 1, -1)
            np.moveaxis(out, 1, -1)[...] = self.card.normalization.apply(last)
        return out

    def _look_up(self, stored: NDArray[Any], out: NDArray[np.float32]) -> None:
        """Both (bands, height, width); `ROWS_IN_CACHE` rows at a time."""
        rows = np.empty((ROWS_IN_CACHE, stored.shape[-1]), dtype=np.intp)
        for table, band, normal in zip(self._tables, stored, out, strict=True):
            for first in range(0, len(band), ROWS_IN_CACHE):
                part = band[first : first + ROWS_IN_CACHE]
                rows[: len(part)] = part
                into = normal[first : first + ROWS_IN_CACHE]
                np.take(table, rows[: len(part)], out=into, mode="clip")

    @cached_property
    def _tables(self) -> NDArray[np.float32]:
        """(bands, 65536): what becomes of each DN."""
        stored = radiometry.decode(np.arange(2**16, dtype=np.uint16))
        bands = np.broadcast_to(stored[:, None], (len(stored), len(self.card.bands)))
        return np.ascontiguousarray(self.card.normalization.apply(bands).T)

    def _select(
        self, reflectance: NDArray[np.float32], bands: Sequence[str]
    ) -> NDArray[np.float32]:
        return reflectance[band_indices(self.card, bands)]


class CloudFilter(_Network):
    """A trained cloud filter, ready to run; see `load_cloud_filter`."""

    def __call__(self, windows: Windows) -> NDArray[np.float32]:
        """The probability of cloud, haze or shadow in each cell, calibrated.

        Returns (N, height / CELL, width / CELL), float32 in [0, 1]. `window_layout.cells` puts the
        answers for the windows of a raster together.
        """
        return self.calibrated(self.run(self.normalized(windows)))

    def calibrated(self, outputs: NetworkOutputs) -> NDArray[np.float32]:
        """Calibrated outputs from the network's raw ones."""
        return self.card.calibrated("cell", outputs["cell"])

    def cloud_probability(
        self, reflectance: NDArray[np.float32], bands: Sequence[str]
    ) -> NDArray[np.float32]:
        """Probability of cloud, haze or shadow.

        reflectance: (bands, height, width), float32, NaN where nothing was measured, with
        bands in the order of `bands`.
        Returns (height, width), float32 in [0, 1]: every pixel takes its cell's; NaN where one of
        the network's bands was not measured. `BandMissing` if a band that the network reads is
        not there.
        """
        pixels = self._select(reflectance, bands)
        plan = window_layout.plan(self.card, *pixels.shape[1:])
        measured = _measured(pixels)
        answers = _asked(self.card, self, pixels, plan, measured)
        return window_layout.expand_cells(window_layout.cells(answers, plan), measured)

    def chip_probability(
        self, reflectance: NDArray[np.float32], bands: Sequence[str]
    ) -> tuple[NDArray[np.float32], tiling.TilingPlan]:
        """Probability of each chip, (N,) float32, and the plan of the chips.

        NaN for chips without any measured pixel, which are not inferred. Arguments as
        `cloud_probability`.
        """
        pixels = self._select(reflectance, bands)
        height, width = pixels.shape[1:]
        plan = tiling.plan(height, width, self.card.chip, self.card.chip)
        probability = np.full(len(plan), np.nan, dtype=np.float32)
        for place, chip in enumerate(tiling.cut(pixels, plan)):
            if np.isfinite(chip).all(axis=0).any():
                probability[place] = self.run(self.normalized(chip[None]))["chip"][0]
        return self.card.calibrated("chip", probability), plan


class UNet(_Network):
    """A trained U-Net, ready to run; see `load_unet`."""

    def __call__(self, windows: Windows) -> NDArray[np.float32]:
        """The probability of tulips, and of tulips in flower, calibrated.

        Returns (N, 2, height, width), float32 in [0, 1], the second nowhere above the first.
        `window_layout.mosaic` puts the answers for the windows of a raster together.
        """
        return self.calibrated(self.run(self.normalized(windows)))

    def calibrated(self, outputs: NetworkOutputs) -> NDArray[np.float32]:
        """Calibrated outputs from the network's raw ones."""
        return np.moveaxis(self.probability(outputs["logits"]), 0, 1)

    def probability(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probability of tulips and of tulips in flower, from `logits`.

        logits: (..., classes), of background, tulip, tulip in flower. Returns (2, ...), float32
        in [0, 1], the second nowhere above the first. The logit of two classes together is the
        logarithm of the sum of their exponentials, less that of the others.
        """
        background, plain, flowering = np.moveaxis(logits, -1, 0)
        growing = _log_of_sum(plain, flowering) - background
        tulip = self.card.calibrated_logits("tulip", growing)
        others = _log_of_sum(background, plain)
        bloom = self.card.calibrated_logits("bloom", flowering - others)
        return np.stack([tulip, np.minimum(bloom, tulip)])

    def tulip_probability(
        self, reflectance: NDArray[np.float32], bands: Sequence[str]
    ) -> NDArray[np.float32]:
        """Probability of tulips, and of tulips in flower; arguments as `cloud_probability`.

        Returns (2, height, width), float32 in [0, 1], the second nowhere above the first; NaN
        where one of the network's bands was not measured. Windows overlap by twice the reach of
        the network, so the result is what the network would give for the whole raster at once.
        """
        pixels = self._select(reflectance, bands)
        plan = window_layout.plan(self.card, *pixels.shape[1:])
        measured = _measured(pixels)
        answers = _asked(self.card, self, pixels, plan, measured)
        return np.where(
            measured, window_layout.mosaic(answers, self.card, plan), np.float32(np.nan)
        )


def band_indices(card: Card, bands: Sequence[str]) -> list[int]:
    """Indices among `bands` of those that the network reads, in its order; `BandMissing`."""
    missing = [band for band in card.bands if band not in bands]
    if missing:
        raise BandMissing(
            f"{card.reference} reads {', '.join(card.bands)}, but the acquisition lacks"
            f" {', '.join(missing)}; choose a model with fewer bands"
        )
    return [list(bands).index(band) for band in card.bands]


def _log_of_sum(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """log(exp(one) + exp(other)); unlike `numpy.logaddexp` of single precision it is vectorized."""
    return np.asarray(np.maximum(one, other) + np.log(1 + np.exp(-np.abs(one - other))))


def _measured(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(height, width): True where every band was measured."""
    return np.asarray(np.logical_and.reduce(np.isfinite(pixels), axis=0))


def _asked(
    card: Card,
    network: CloudFilter | UNet,
    pixels: NDArray[np.float32],
    plan: tiling.TilingPlan,
    wanted: NDArray[np.bool_],
) -> dict[int, NDArray[np.float32]]:
    """By number: the network's output for each window with a wanted pixel."""
    return {
        window.number: network(tiling.pad_window(pixels[:, *window.reads], plan)[None])[0]
        for window in window_layout.windows_to_infer(card, plan, wanted)
    }


def load_cloud_filter(
    card: Card, threads: int, engine: Engine = KERAS, *, at_once: int = 1
) -> CloudFilter:
    """The cloud filter of `card`, its checksum verified, on `threads` threads.

    engine: of `engine_selection.choose_engine`. at_once: how many windows are inferred at a time,
    where the engine can do that: a core to each is faster than all of them to one as small as
    these. `ModelDamaged` if the weights are not those of the card, `ModelNotFound` if it is another
    kind of model.
    """
    if not isinstance(card.architecture, ResNetArchitecture):
        raise ModelNotFound(f"{card.reference} is a {card.kind}, not a cloud filter")
    at_once = at_once if engine.name == "openvino" else 1
    return CloudFilter(
        card, model_loading.start_model(card, threads, engine, at_once), engine, at_once
    )


def load_unet(card: Card, threads: int, engine: Engine = KERAS) -> UNet:
    """The U-Net of `card`; as `load_cloud_filter`."""
    if not isinstance(card.architecture, UNetArchitecture):
        raise ModelNotFound(f"{card.reference} is a {card.kind}, not a U-Net")
    return UNet(card, model_loading.start_model(card, threads, engine), engine)
