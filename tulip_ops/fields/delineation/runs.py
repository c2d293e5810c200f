"""Runs in flat arrays: entries of many rings, or of many segments, concatenated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def place_in_run(length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of each entry in its run: 0, 1, 2 and so on up to each length."""
    return np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)


def next_on_ring(ring: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the next entry on the same ring; the first one follows the last.

    ring: (n,) number of each entry's ring, the entries of a ring contiguous.
    """
    follower = np.arange(1, len(ring) + 1)
    is_last = np.append(ring[1:] != ring[:-1], True)
    follower[is_last] = np.flatnonzero(np.append(True, is_last[:-1]))
    return follower
