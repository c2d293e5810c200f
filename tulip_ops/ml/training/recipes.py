"""How each kind of network is trained: its chips, targets, loss and default schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from tulip_ops.ml.datasets.labels import cloud_filter_target, unet_target
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.inference import cloud_filter, unet
from tulip_ops.ml.inference.model_registry import Kind, ResNetArchitecture, UNetArchitecture
from tulip_ops.ml.training import chip_sampling, losses

Target: TypeAlias = NDArray[np.float32] | dict[str, NDArray[np.float32]]
"""Target of a batch, by output if the network has several."""
Loss: TypeAlias = Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What differs between the trainings of the two kinds of networks."""

    kind: Kind
    architecture: ResNetArchitecture | UNetArchitecture
    chip: int
    """Pixels on a side of what the finished network reads, for its card."""
    rate: float
    """Highest learning rate."""
    epochs: int
    steps: int
    """Batches of an epoch."""
    sizes: Sequence[int]
    """Pixels on a side of the chips: half of the epochs see the first; of three sizes the last
    tenth see the last."""
    batch_pixels: int
    """Pixels of a batch, whatever the size of its chips, so that every batch takes as long."""
    build: Callable[[int, str], keras.Model]
    """From the number of bands and the Keras dtype policy."""
    draw: Callable[[Sequence[TrainingScene], np.random.Generator, int], chip_sampling.Chip]
    target: Callable[[NDArray[np.float32], NDArray[np.uint8]], Target]
    loss: Loss | dict[str, Loss]


def unet_recipe(
    *,
    epochs: int = 64,
    steps: int = 80,
    sizes: Sequence[int] = (128, 256),
    batch_pixels: int = 24 * 128 * 128,
    base: int = 32,
    levels: int = 4,
) -> Recipe:
    """A U-Net with `base` filters on the first of `levels` levels."""
    return Recipe(
        kind="unet",
        architecture=UNetArchitecture(base=base, levels=levels),
        chip=512,
        rate=2e-3,
        epochs=epochs,
        steps=steps,
        sizes=sizes,
        batch_pixels=batch_pixels,
        build=lambda bands, dtype: unet.build(bands, base, levels, dtype=dtype),
        draw=chip_sampling.draw_for_unet,
        target=unet_target,
        loss=losses.segmentation_loss,
    )


def cloud_filter_recipe(
    *,
    epochs: int = 60,
    steps: int = 60,
    sizes: Sequence[int] = (64, 128, 256),
    batch_pixels: int = 16 * 128 * 128,
    depth: cloud_filter.Depth = "resnet50",
) -> Recipe:
    """A cloud filter, for cells and chips, on a ResNet of this depth."""
    return Recipe(
        kind="cloud-filter",
        architecture=ResNetArchitecture(network=depth),
        chip=256,
        rate=1e-3,
        epochs=epochs,
        steps=steps,
        sizes=sizes,
        batch_pixels=batch_pixels,
        build=lambda bands, dtype: cloud_filter.build(bands, depth, dtype=dtype),
        draw=chip_sampling.draw_for_cloud_filter,
        target=lambda _, truth: dict(
            zip(("cell", "chip"), cloud_filter_target(truth), strict=True)
        ),
        loss={"cell": losses.cloud_loss, "chip": losses.cloud_loss},
    )
