"""How much memory a network takes over a raster, and how large its windows may be.

Estimates, for planning: the constants are from what processes took at most, measured by hand.
"""

from __future__ import annotations

from collections.abc import Mapping

from tulip_ops.ml.inference import window_layout
from tulip_ops.ml.inference.engine_selection import Engine
from tulip_ops.ml.inference.export_manifest import Precision
from tulip_ops.ml.inference.model_registry import Card, UNetArchitecture
from tulip_ops.ml.inference.predictors import CloudFilter, UNet
from tulip_ops.raster.grid import STRIP_ROWS

PREFETCHED_STRIPS = 1
"""Strips of `STRIP_ROWS` that are read before they are needed."""
_LARGEST = 2048
"""Pixels on a side of the largest windows: larger ones save next to no work."""
_SMALLEST = 512
_RUNTIME = 0.6e9
"""Bytes of the libraries, the weights and GDAL's blocks."""
_FEATURES: Mapping[Precision, int] = {"fp32": 17, "bf16": 10, "int8": 6}
"""Bytes of an export in work, for each pixel of the window and filter of the first level, measured
with windows of 1552 and 2048 pixels and 16 filters."""
_CLASSES = 3
"""Outputs of a U-Net per pixel."""
_FEATURES_OF_KERAS = 11
"""In single precision: 1.9 GB with windows of 2048 pixels and 32 filters."""


def window_size(card: Card, engine: Engine, shape: tuple[int, int], memory_gb: float) -> int:
    """Pixels on a side of a U-Net's windows over a raster of (height, width), for this memory.

    As few windows as fit, of the size that they need to have: the less do they overlap. The
    smallest size is returned even where it takes more; results do not depend on it.
    """
    edge, align = window_layout.margin(_scale(card)[1]), window_layout.alignment(card)
    for count in range(1, max(shape) + 1):
        step = -(-(max(shape) - 2 * edge) // count)
        size = max(-(-step // align) * align + 2 * edge, _SMALLEST)
        fits = size <= _LARGEST and _taken(card, engine, shape[1], size) <= memory_gb * 1e9
        if fits or size == _SMALLEST:
            return size
    return _SMALLEST


def free_bytes(network: CloudFilter | UNet, width: int, memory_gb: float, *, size: int) -> float:
    """Bytes of this memory that a network leaves, on a raster of this width.

    size: of its windows.
    """
    return max(0.0, memory_gb * 1e9 - _taken(network.card, network.engine, width, size))


def _taken(card: Card, engine: Engine, width: int, size: int) -> float:
    """Bytes."""
    keras = engine.name == "keras"
    features = _FEATURES_OF_KERAS if keras else _FEATURES[engine.precision]
    read_and_said = 3 * 4 * (len(card.bands) + _CLASSES)
    windows = size**2 * (read_and_said + features * _scale(card)[0])
    return _RUNTIME + row_bytes(card, width, size) + windows


def row_bytes(card: Card, width: int, size: int) -> float:
    """Bytes of the rows that windows in progress need, and of the prefetched ones.

    width, size: pixels, of the raster and of a window.
    """
    strips_held = -(-size // STRIP_ROWS) + 1 + PREFETCHED_STRIPS
    return float(strips_held * STRIP_ROWS * width * 2 * len(card.bands))


def _scale(card: Card) -> tuple[int, int]:
    """Filters of the first level, and levels; what comes close to them for a cloud filter."""
    shape = card.architecture
    return (shape.base, shape.levels) if isinstance(shape, UNetArchitecture) else (16, 4)
