"""Detections from field polygons: statistics of the pixels within and around each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tulip_ops.core.types import Detection
from tulip_ops.fields.delineation import label_edges
from tulip_ops.fields.reading_order import reading_order
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import ProbabilityRaster
from tulip_ops.raster.projection import WGS84, geodesic_areas, project_all

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

SortableDetection = tuple[tuple[float, float, bytes], Detection]
"""Sort key of a detection, and the detection."""


def zonal_detections(
    polygons: Sequence[Polygon],
    labels: NDArray[np.int32],
    tulip: ProbabilityRaster,
    bloom: ProbabilityRaster,
    grid: Grid,
    *,
    in_flower: float,
) -> list[SortableDetection]:
    """Detections with area, probability and bloom of one part of a raster, for `in_reading_order`.

    polygons: in the grid's CRS. labels: (height, width), index of the polygon at each pixel
    centre, -1 where none. tulip, bloom: (height, width).
    in_flower: bloom probability from which a pixel counts as in flower.
    A polygon without valid pixels is dropped: nothing was detected there.
    """
    pixels, count = label_edges.labelled_pixels(labels), len(polygons)
    figures = _figures(
        labels.ravel()[pixels],
        count,
        tulip.values(pixels),
        bloom.values(pixels) >= in_flower,
    )
    border = _border_clear(labels, pixels, count, tulip)
    seen = np.flatnonzero(figures.seen).tolist()
    on_earth = project_all([polygons[index] for index in seen], grid.epsg, WGS84)
    order = [reading_order(polygons[index]) for index in seen]
    found = []
    for place, index, geometry, area in zip(
        order, seen, on_earth, geodesic_areas(on_earth), strict=True
    ):
        detection = Detection(
            ordinal=0,
            geometry=geometry,
            area_m2=float(area),
            tulip_probability=float(figures.mean[index]),
            tulip_probability_std=float(figures.std[index]),
            bloom_fraction=float(figures.in_flower[index]),
            clear_fraction=float(figures.seen[index] / figures.pixels[index]),
            border_clear_fraction=float(border[index]),
        )
        found.append((place, detection))
    return found


def in_reading_order(detections: Sequence[SortableDetection]) -> list[Detection]:
    """The detections of all parts, north to south, then west to east, numbered from 0."""
    in_order = sorted(detections, key=lambda one: one[0])
    return [replace(one, ordinal=ordinal) for ordinal, (_, one) in enumerate(in_order)]


class _Figures(NamedTuple):
    """Per polygon: pixels, valid pixels, and their mean, spread and share in flower."""

    pixels: NDArray[np.int64]
    seen: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    in_flower: NDArray[np.float64]


def _figures(
    label: NDArray[np.int32],
    count: int,
    tulip: NDArray[np.float32],
    flowers: NDArray[np.bool_],
) -> _Figures:
    """Statistics of (n,) pixels, each in one of `count` polygons."""
    pixels = np.bincount(label, minlength=count)
    there = np.isfinite(tulip)
    if not there.all():
        label, tulip, flowers = label[there], tulip[there], flowers[there]
    probability = tulip.astype(np.float64)
    seen = np.bincount(label, minlength=count)
    divisor = np.maximum(seen, 1)
    mean = np.bincount(label, probability, count) / divisor
    variance = np.bincount(label, (probability - mean[label]) ** 2, count) / divisor
    in_flower = np.bincount(label, flowers, count) / divisor
    return _Figures(pixels, seen, np.clip(mean, 0, 1), np.sqrt(variance), in_flower)


def _border_clear(
    labels: NDArray[np.int32],
    pixels: NDArray[np.int64],
    count: int,
    tulip: ProbabilityRaster,
) -> NDArray[np.float64]:
    """(count,) share of each label's outer pixel edges with a valid pixel beyond."""
    edges, open_edges = np.zeros(count), np.zeros(count)
    for pixel, behind in label_edges.label_edges(labels, pixels):
        label = labels.ravel()[pixel]
        clear = np.isfinite(tulip.values(behind)) & (behind >= 0)
        edges += np.bincount(label, minlength=count)
        open_edges += np.bincount(label[clear], minlength=count)
    return open_edges / np.maximum(edges, 1)
