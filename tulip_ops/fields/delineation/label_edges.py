"""Pixel edges of labels: sides of pixels beyond which another label lies, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class EdgePixels(NamedTuple):
    """Pixels with an edge on one side, (n,) raveled positions, and the pixels beyond it."""

    pixel: NDArray[np.int64]
    behind: NDArray[np.int64]
    """Position of the pixel beyond the edge; -1 outside the raster."""


class LabelEdges(NamedTuple):
    """Pixel edges between labels, by side."""

    north: EdgePixels
    west: EdgePixels
    south: EdgePixels
    east: EdgePixels


def labelled_pixels(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Positions in the raveled `labels` that are not -1, ascending."""
    return np.flatnonzero(labels >= 0)


def east_follows(pixels: NDArray[np.int64], width: int) -> NDArray[np.bool_]:
    """(n,) bool: the next of `pixels` is the east neighbour.

    pixels: (n,) positions in a raveled raster of this width, ascending.
    """
    follows = np.append(pixels[1:] == pixels[:-1] + 1, False)[: len(pixels)]
    # rows are far fewer than pixels: searching for row ends is faster than dividing
    first_of_rows = np.arange(width, pixels.max(initial=-1) + 1, width)
    follows[np.searchsorted(pixels, first_of_rows) - 1] = False
    return follows


def label_edges(labels: NDArray[np.int32], pixels: NDArray[np.int64]) -> LabelEdges:
    """The sides of `pixels` beyond which there is no pixel of the same label.

    labels: (height, width), -1 where none. pixels: (n,), as `labelled_pixels` returns them.
    """
    width, flat = labels.shape[1], labels.ravel()
    label = flat[pixels]
    ends = np.ones((4, len(pixels)), dtype=bool)  # north, west, south, east
    inner = np.searchsorted(pixels, width)
    ends[0, inner:] = flat[pixels[inner:] - width] != label[inner:]
    inner = np.searchsorted(pixels, labels.size - width)
    ends[2, :inner] = flat[pixels[:inner] + width] != label[:inner]
    ends[1, 1:] = ends[3, :-1] = ~east_follows(pixels, width)[:-1] | (label[1:] != label[:-1])
    north, west, south, east = (pixels[end] for end in ends)
    return LabelEdges(
        EdgePixels(north, np.maximum(north - width, -1)),
        EdgePixels(west, np.where(west % width > 0, west - 1, -1)),
        EdgePixels(south, np.where(south < labels.size - width, south + width, -1)),
        EdgePixels(east, np.where(east % width < width - 1, east + 1, -1)),
    )
