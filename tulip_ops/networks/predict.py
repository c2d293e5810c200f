"""Running the networks over whole acquisitions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tulip_ops import chips, clouds
from tulip_ops.errors import BandMissing, ModelDamaged, ModelNotFound
from tulip_ops.networks import cloud_filter, registry, unet
from tulip_ops.networks.registry import Card, ResNetArchitecture, UNetArchitecture

CHIPS_AT_ONCE = 16
log = logging.getLogger(__name__)

Graph = Callable[[tf.Tensor], tf.Tensor]


class CloudFilter:
    """A trained cloud filter, ready to run; see `load_cloud_filter`."""

    def __init__(self, card: Card, network: keras.Model) -> None:
        self.card = card
        self._run = _compiled(network, card.chip, len(card.bands))

    def cloud_probability(
        self, reflectance: NDArray[np.float32], bands: Sequence[str]
    ) -> NDArray[np.float32]:
        """Probability of cloud, haze or shadow.

        reflectance: (bands, height, width), float32, NaN where nothing was measured, with
        bands in the order of `bands`.
        Returns (height, width), float32 in [0, 1]; NaN where one of the network's bands was not
        measured. Chips overlap by half; `BandMissing` if a band that the network reads is not
        there.
        """
        probability, plan = self.chip_probability(reflectance, bands)
        measured = np.isfinite(_select(self.card, reflectance, bands)).all(axis=0)
        return np.where(measured, clouds.spread(probability, plan), np.float32(np.nan))

    def chip_probability(
        self, reflectance: NDArray[np.float32], bands: Sequence[str]
    ) -> tuple[NDArray[np.float32], chips.Plan]:
        """Probability of each chip, (N,) float32, and the plan of the chips.

        NaN for chips without any measured pixel, which are not inferred. Arguments as
        `cloud_probability`.
        """
        pixels = _select(self.card, reflectance, bands)
        height, width = pixels.shape[1:]
        plan = chips.plan(height, width, self.card.chip, self.card.chip // 2)
        cuts = chips.cut(pixels, plan)
        judged = np.isfinite(cuts).all(axis=1).reshape(len(plan), -1).any(axis=1)
        probability = np.full(len(plan), np.nan, dtype=np.float32)
        if judged.any():
            probability[judged] = self._judge(cuts[judged])
        return probability, plan

    def _judge(self, cuts: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, bands, chip, chip) to one probability each."""
        normalized = self.card.normalization.apply(np.moveaxis(cuts, 1, -1))
        return np.concatenate(
            [
                self._run(tf.constant(normalized[start : start + CHIPS_AT_ONCE])).numpy()[:, 0]
                for start in range(0, len(normalized), CHIPS_AT_ONCE)
            ]
        )


class UNet:
    """A trained U-Net, ready to run; see `load_unet`."""

    def __init__(self, card: Card, architecture: UNetArchitecture, network: keras.Model) -> None:
        self.card = card
        self._levels = architecture.levels
        self._run = _compiled(network, None, len(card.bands))

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
        margin = unet.margin(self._levels)
        probability = chips.stitch(predicted, plan, margin=margin)
        return np.where(measured, np.clip(probability, 0, 1), np.float32(np.nan))

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
    _prepare(card, threads)
    network = cloud_filter.build(len(card.bands), card.chip)
    _load_weights(network, card)
    return CloudFilter(card, network)


def load_unet(card: Card, threads: int) -> UNet:
    """The U-Net of `card`; as `load_cloud_filter`."""
    shape = card.architecture
    if not isinstance(shape, UNetArchitecture):
        raise ModelNotFound(f"{card.reference} is a {card.kind}, not a U-Net")
    _prepare(card, threads)
    network = unet.build(len(card.bands), shape.base, shape.levels)
    _load_weights(network, card)
    return UNet(card, shape, network)


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


def _prepare(card: Card, threads: int) -> None:
    registry.verify(card)
    use_threads(threads)  # before any network is built


def _load_weights(network: keras.Model, card: Card) -> None:
    try:
        network.load_weights(card.weights)  # stored as float16, cast to float32 here
    except (OSError, ValueError, KeyError) as error:
        raise ModelDamaged(
            f"{card.weights} does not fit the architecture of its card: {error}"
        ) from error


def _compiled(network: keras.Model, size: int | None, bands: int) -> Graph:
    """The network as one graph: a call costs half a millisecond, `Model.predict` fifty."""
    signature = tf.TensorSpec((None, size, size, bands), tf.float32)
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
