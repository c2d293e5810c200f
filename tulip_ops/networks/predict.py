"""Running the networks over whole acquisitions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tulip_ops import chips
from tulip_ops.errors import BandMissing, ModelDamaged, ModelNotFound
from tulip_ops.networks import cloud_filter, registry, unet
from tulip_ops.networks.registry import Card, ResNetArchitecture, UNetArchitecture

log = logging.getLogger(__name__)

WINDOW, OVERLAP = 512, 64
"""Pixels on a side of what a cloud filter reads at once, and by how many its windows reach into
each other on every side: cells there, judged without their surroundings, count least."""

Graph = Callable[[tf.Tensor], Any]


class CloudFilter:
    """A trained cloud filter, ready to run; see `load_cloud_filter`."""

    def __init__(self, card: Card, network: keras.Model) -> None:
        self.card = card
        self._run = _compiled(network, len(card.bands))

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
        pixels = _select(self.card, reflectance, bands)
        height, width = pixels.shape[1:]
        step = WINDOW - 2 * OVERLAP
        plan = chips.plan(height, width, WINDOW, step, align=cloud_filter.ALIGN, shrink=True)
        coarse = chips.coarsen(plan, cloud_filter.CELL)
        said = np.zeros((len(plan), 1, coarse.chip_height, coarse.chip_width), dtype=np.float32)
        for window, there in enumerate(chips.cut(pixels, plan)):
            if np.isfinite(there).all(axis=0).any():
                said[window, 0] = self._judge(there[None])["cell"][0]
        cells = chips.stitch(said, coarse, margin=OVERLAP // cloud_filter.CELL)[0]
        probability = self.card.calibrated("cell", np.clip(cells, 0, 1))
        spread = probability.repeat(cloud_filter.CELL, 0).repeat(cloud_filter.CELL, 1)
        measured = np.isfinite(pixels).all(axis=0)
        return np.where(measured, spread[: plan.height, : plan.width], np.float32(np.nan))

    def chip_probability(
        self, reflectance: NDArray[np.float32], bands: Sequence[str]
    ) -> tuple[NDArray[np.float32], chips.Plan]:
        """Probability of each whole chip, (N,) float32, and the plan of the chips.

        NaN for chips without any measured pixel, which are not inferred. Arguments as
        `cloud_probability`.
        """
        pixels = _select(self.card, reflectance, bands)
        height, width = pixels.shape[1:]
        plan = chips.plan(height, width, self.card.chip, self.card.chip)
        probability = np.full(len(plan), np.nan, dtype=np.float32)
        for place, chip in enumerate(chips.cut(pixels, plan)):
            if np.isfinite(chip).all(axis=0).any():
                probability[place] = self._judge(chip[None])["chip"][0]
        return self.card.calibrated("chip", probability), plan

    def _judge(self, cuts: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """(N, bands, height, width) to what the network says of each."""
        normalized = self.card.normalization.apply(np.moveaxis(cuts, 1, -1))
        said = self._run(tf.constant(normalized))
        return {output: values.numpy() for output, values in said.items()}


class UNet:
    """A trained U-Net, ready to run; see `load_unet`."""

    def __init__(self, card: Card, architecture: UNetArchitecture, network: keras.Model) -> None:
        self.card = card
        self._levels = architecture.levels
        self._run = _compiled(network, len(card.bands))

    def tulip_probability(
        self, reflectance: NDArray[np.float32], bands: Sequence[str]
    ) -> NDArray[np.float32]:
        """Probability of tulips, and of tulips in flower; arguments as `cloud_probability`.

        Returns (2, height, width), float32 in [0, 1], the second nowhere above the first; NaN
        where one of the network's bands was not measured. Windows overlap by twice the reach of
        the network, so the result is what the network would give for the whole raster at once.
        """
        pixels = _select(self.card, reflectance, bands)
        plan = self._plan(pixels)
        measured = np.isfinite(pixels).all(axis=0)
        predicted = np.zeros((len(plan), 2, plan.chip_height, plan.chip_width), dtype=np.float32)
        for window, pixels_there in enumerate(chips.cut(pixels, plan)):
            if np.isfinite(pixels_there).all(axis=0).any():
                predicted[window] = self._segment(pixels_there)
        said = np.clip(chips.stitch(predicted, plan, margin=unet.margin(self._levels)), 0, 1)
        tulip = self.card.calibrated("tulip", said[0])
        bloom = np.minimum(self.card.calibrated("bloom", said[1]), tulip)
        return np.where(measured, np.stack([tulip, bloom]), np.float32(np.nan))

    def _plan(self, pixels: NDArray[np.float32]) -> chips.Plan:
        height, width = pixels.shape[1:]
        align = 2**self._levels
        margin = unet.margin(self._levels)
        size = max(self.card.chip, 2 * margin + align) // align * align
        step = size - 2 * margin
        return chips.plan(height, width, size, step, align=align, shrink=True)

    def _segment(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """(bands, height, width) to (2, height, width)."""
        normalized = self.card.normalization.apply(np.moveaxis(window, 0, -1)[None])
        classes = self._run(tf.constant(normalized)).numpy()[0]
        return np.stack([classes[..., 1] + classes[..., 2], classes[..., 2]])


def load_cloud_filter(card: Card, threads: int) -> CloudFilter:
    """The cloud filter of `card`, its checksum verified, on `threads` threads.

    `ModelDamaged` if the weights are not those of the card, `ModelNotFound` if it is another
    kind of model.
    """
    if not isinstance(card.architecture, ResNetArchitecture):
        raise ModelNotFound(f"{card.reference} is a {card.kind}, not a cloud filter")
    return CloudFilter(card, _loaded(card, threads))


def load_unet(card: Card, threads: int) -> UNet:
    """The U-Net of `card`; as `load_cloud_filter`."""
    if not isinstance(card.architecture, UNetArchitecture):
        raise ModelNotFound(f"{card.reference} is a {card.kind}, not a U-Net")
    return UNet(card, card.architecture, _loaded(card, threads))


def build(card: Card, *, dtype: str = "float32") -> keras.Model:
    """The network that `card` describes, its weights at random."""
    shape = card.architecture
    if isinstance(shape, ResNetArchitecture):
        return cloud_filter.build(len(card.bands), shape.network, dtype=dtype)
    return unet.build(len(card.bands), shape.base, shape.levels, dtype=dtype)


def load_weights(network: keras.Model, card: Card) -> None:
    """Give `network` the weights of `card`, its checksum verified; `ModelDamaged`."""
    registry.verify(card)
    try:
        network.load_weights(card.weights)  # stored as float16, cast to the network's own type
    except (OSError, ValueError, KeyError) as error:
        raise ModelDamaged(
            f"{card.weights} does not fit the architecture of its card: {error}"
        ) from error


def _loaded(card: Card, threads: int) -> keras.Model:
    use_threads(threads)  # before any network is built
    network = build(card)
    load_weights(network, card)
    return network


def use_threads(threads: int) -> None:
    """Bind TensorFlow to `threads` threads.

    TensorFlow takes this once per process: where it already runs, its threads stay as they are,
    and a warning is logged if they are others.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        log.warning("TensorFlow already runs in this process, not with %d threads", threads)


def _compiled(network: keras.Model, bands: int) -> Graph:
    """The network as one graph: a call costs half a millisecond, `Model.predict` fifty."""
    signature = tf.TensorSpec((None, None, None, bands), tf.float32)
    graph: Graph = tf.function(
        lambda pixels: network(pixels, training=False),
        input_signature=[signature],
        jit_compile=False,  # XLA is slower for convolutions on processors
    )
    return graph


def _select(
    card: Card, reflectance: NDArray[np.float32], bands: Sequence[str]
) -> NDArray[np.float32]:
    """The bands that the network reads, in its order."""
    missing = [band for band in card.bands if band not in bands]
    if missing:
        raise BandMissing(
            f"{card.reference} reads {', '.join(card.bands)}, but the acquisition lacks"
            f" {', '.join(missing)}; choose a model with fewer bands"
        )
    return reflectance[[list(bands).index(band) for band in card.bands]]
