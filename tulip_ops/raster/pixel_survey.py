"""Surveys the stored numbers of a raster: shares of fill values, and the usual range."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.windows import Window

from tulip_ops.raster.dataset import Dataset, open_raster

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 512
_SAMPLES = 1000
"""Rows and columns of the sample for the range."""
_STEP = 32
"""Levels of 8 bits between neighbours from which an edge is a step; clouds saturate gradually."""
_LOW, _HIGH = 5, 95


@dataclass(frozen=True, slots=True)
class FillShare:
    """How many pixels have one value in all bands."""

    share: float
    """Of all pixels."""
    step_share: float
    """Of the horizontal edges of these pixels, those with a step of brightness; 1 without edges."""


@dataclass(frozen=True, slots=True)
class PixelSurvey:
    """What the stored numbers of a raster are like."""

    fills: Mapping[float, FillShare]
    low: tuple[float, ...]
    high: tuple[float, ...]
    """5th and 95th percentile of each band without fill values; NaN for a band without numbers."""


def survey_pixels(
    href: str, indexes: Sequence[int], fills: Sequence[float], nodata: float | None
) -> PixelSurvey:
    """Read all pixels once, in strips; `UnreadableRaster`.

    indexes: bands, from 1. fills: values to look for. nodata: not part of the range, nor is what
    the raster itself declares to be missing.
    """
    counts = {fill: np.zeros(3, dtype=np.int64) for fill in fills}
    samples: list[NDArray[np.float64]] = []
    with open_raster(href) as source:
        step = max(1, math.ceil(max(source.shape) / _SAMPLES))
        for window in _strips(source):
            values = source.read(indexes, window=window)
            for fill in fills:
                counts[fill] += _count(values, fill)
            sample = values[:, ::step, ::step].astype(np.float64)
            missing = [fill for fill in (*fills, nodata) if fill is not None]
            sample[np.isin(sample, missing)] = np.nan
            measured = source.read_masks(indexes, window=window)[:, ::step, ::step] > 0
            sample[~measured | ~np.isfinite(sample)] = np.nan
            samples.append(sample.reshape(len(indexes), -1))
        pixels = source.width * source.height
    bands = [band[np.isfinite(band)] for band in np.concatenate(samples, axis=1)]
    return PixelSurvey(
        fills={
            fill: FillShare(number / pixels, steps / edges if edges else 1.0)
            for fill, (number, edges, steps) in counts.items()
        },
        low=tuple(_percentile(band, _LOW) for band in bands),
        high=tuple(_percentile(band, _HIGH) for band in bands),
    )


def count_shades(href: str, index: int) -> int:
    """How many different numbers a band has; `UnreadableRaster`."""
    shades: set[float] = set()
    with open_raster(href) as source:
        for window in _strips(source):
            shades.update(np.unique(source.read(index, window=window)).tolist())
    return len(shades)


def _strips(source: Dataset) -> Iterator[Window]:
    for row in range(0, source.height, _ROWS):
        yield Window(0, row, source.width, min(_ROWS, source.height - row))


def _count(values: NDArray[Any], fill: float) -> NDArray[np.int64]:
    """Pixels of the value, their horizontal edges, and how many of these are steps."""
    block = (values == fill).all(axis=0)
    if not block.any():
        return np.zeros(3, dtype=np.int64)
    rows, columns = np.nonzero(block[:, 1:] != block[:, :-1])
    left, right = values[:, rows, columns], values[:, rows, columns + 1]
    steps = np.abs(right.astype(np.float64) - left).max(axis=0) > _STEP
    return np.array([block.sum(), len(rows), steps.sum()], dtype=np.int64)


def _percentile(band: NDArray[np.float64], percent: int) -> float:
    return float(np.percentile(band, percent)) if band.size else math.nan
