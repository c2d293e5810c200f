"""Labels of pixels, cells and chips, and the training targets made of them.

A truth is uint8 (..., height, width, 4): tulip (0 or 1); share in flower, opacity of cloud and
depth of shadow, each times `SHARE`. `UNKNOWN` in any layer without a label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tulip_ops.ml.inference.window_layout import CELL

SHARE = 250
"""Shares in [0, 1] are stored as uint8 in steps of 1 / SHARE."""
UNKNOWN = 255
CLOUDY_SOMEWHERE = 254
"""Opacity of every pixel of a chip that is labelled cloudy, without a mask."""

TULIP, FLOWER, OPACITY, DEPTH = range(4)
"""Layers of a truth."""

IN_FLOWER = 0.25
"""Share of a tulip pixel in flower from which it belongs to the class in flower."""
OPAQUE = 0.4
"""Opacity of a cloud above which the ground is invisible: such pixels do not count."""
CLOUD, SHADOW = 0.15, 0.3
"""Opacity of a cloud and depth of a shadow above which a pixel is hidden."""
FAINT_CLOUD, FAINT_SHADOW = 0.05, 0.1
"""And up to which it is clear; a pixel in between is ambiguous, so it is neither."""
CLOUDY, CLEAR = 0.05, 0.01
"""Share of hidden pixels above which a chip or a cell is cloudy, and below which it is clear."""

_CLASSES = np.array(
    [
        [0, 0, 0],  # does not count
        [1, 0, 0],  # background
        [0, 1, 0],  # tulip, not in flower
        [0, 0, 1],  # tulip in flower
        [0, 1, 1],  # tulip, in flower or not
    ],
    dtype=np.float32,
)


def cloud_label(truth: NDArray[np.uint8]) -> float:
    """1 for a cloudy chip (height, width, 4), 0 for a clear one; NaN in between or unknown.

    Faintly hidden and unknown pixels are taken for hidden and for clear in turn: a chip with a
    label has the same one whatever they are.
    """
    known, unknown = hidden(truth)
    if (truth[..., OPACITY] == CLOUDY_SOMEWHERE).any():
        return 1.0
    share, doubt = float(known.mean()), float(unknown.mean())
    if share > CLOUDY:
        return 1.0
    return 0.0 if share + doubt < CLEAR else float("nan")


def cell_labels(truth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The label of every cell by the rule of `cloud_label`.

    truth (..., height, width, 4); returns (..., height // CELL, width // CELL): what is left
    over at the right and at the bottom belongs to no cell.
    """
    known, unknown = hidden(truth)
    share = _in_cells(known) / CELL**2
    label = np.full(share.shape, np.nan, dtype=np.float32)
    label[share + _in_cells(unknown) / CELL**2 < CLEAR] = 0
    label[share > CLOUDY] = 1
    return label


def cloud_filter_target(
    truth: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Labels of the cells and of the chips of (N, height, width, 4): 1 cloudy, 0 clear.

    Returns (N, height // CELL, width // CELL) and (N,); NaN in between and where unknown.
    """
    chips = np.array([cloud_label(chip) for chip in truth], dtype=np.float32)
    return cell_labels(truth), chips


def pixel_classes(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """0 background, 1 tulip, 2 tulip in flower; truth (..., 4) to (...).

    0 where tulips are unknown, which `usable_pixels` leaves out; 1 where it is unknown whether
    they flower.
    """
    tulip = truth[..., TULIP] == 1
    flower = truth[..., FLOWER]
    flowering = (flower >= IN_FLOWER * SHARE) & (flower != UNKNOWN)
    return np.asarray(np.add(tulip, tulip & flowering, dtype=np.uint8))


def usable_pixels(dn: NDArray[np.uint16], truth: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """True where a pixel was measured, is labelled, and is not hidden by an opaque cloud.

    Where clouds are unknown, the label is trusted. dn (..., bands), 0 where
    nothing was measured; truth (..., 4); returns (...).
    """
    return (dn > 0).all(axis=-1) & _tells(truth)


def unet_target(reflectance: NDArray[np.float32], truth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Which classes a pixel may belong to, (..., 3) of 0 and 1; all 0 where it does not count.

    background [1, 0, 0], tulip not in flower [0, 1, 0], in flower [0, 0, 1], and [0, 1, 1]
    where flowering is unknown.

    reflectance (..., bands), NaN in all bands alike where nothing was measured; truth (..., 4).
    """
    kind = pixel_classes(truth) + np.uint8(1)
    kind[(kind == 2) & (truth[..., FLOWER] == UNKNOWN)] = 4
    kind *= _tells(truth) & ~np.isnan(reflectance[..., 0])
    return _CLASSES.take(kind, axis=0, mode="clip")  # twice as fast as the default mode


def _tells(truth: NDArray[np.uint8]) -> NDArray[np.bool_]:
    opacity = truth[..., OPACITY]
    seen = (opacity <= OPAQUE * SHARE) | (opacity == UNKNOWN)
    return np.asarray(seen & (truth[..., TULIP] != UNKNOWN))


def hidden(truth: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels (...) known to be hidden, and those that may be: faint or unknown; truth (..., 4)."""
    opacity, depth = truth[..., OPACITY], truth[..., DEPTH]
    cloud = (opacity > CLOUD * SHARE) & (opacity < CLOUDY_SOMEWHERE)
    known = cloud | ((depth > SHADOW * SHARE) & (depth != UNKNOWN))
    faint = (opacity > FAINT_CLOUD * SHARE) | (depth > FAINT_SHADOW * SHARE)
    return known, faint & ~known  # what is unknown is stored above every share


def _in_cells(pixels: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """How many of (..., height, width) are True in each cell."""
    *several, height, width = pixels.shape
    rows, columns = height // CELL, width // CELL
    complete = pixels[..., : rows * CELL, : columns * CELL]
    down = complete.reshape(*several, rows, CELL, columns * CELL).sum(axis=-2, dtype=np.uint8)
    across = down.reshape(*several, rows, columns, CELL)
    return np.asarray(across.sum(axis=-1, dtype=np.uint16))
