"""Band order, scale and offset of image files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BadTrainingData
from tulip_ops.core.types import BANDS
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.header import RasterInfo

RENDERED = ("red", "green", "blue")
"""The order of 8-bit pictures."""


def band_places(path: Path, facts: RasterInfo, bands: Sequence[str]) -> list[int]:
    """Where the wanted bands lie in a file, from 0; three without names are red, green, blue.

    `BadTrainingData` if one lacks.
    """
    names = facts.bands
    if len(names) == len(RENDERED) and not set(names) & set(BANDS):
        names = RENDERED
    if missing := [band for band in bands if band not in names]:
        described = ", ".join(name or "unnamed" for name in names)
        raise BadTrainingData(
            f"{path} lacks {', '.join(missing)}: its bands are {described}; describe them by"
            " these names, or train with fewer bands"
        )
    return [names.index(band) for band in bands]


def scale_and_offset(path: Path, facts: RasterInfo) -> tuple[float, float]:
    """What makes reflectance: stored * scale + offset.

    8-bit files are TRUE_COLOR renderings of the usual gain; floating-point ones are reflectance
    unless they say more; all others must say what they are, since 1000 more or less in a
    Sentinel-2 product looks like haze. `BadTrainingData` if they do not.
    """
    if facts.dtype == "uint8":
        return radiometry.true_color_scale(radiometry.STRETCH), 0.0
    if not np.issubdtype(np.dtype(facts.dtype), np.floating) and facts.scales[0] == 1:
        raise BadTrainingData(
            f"{path} holds {facts.dtype} without a scale; declare what they mean, such as"
            " `gdal_edit.py -scale 0.0001 -offset -0.1` for Sentinel-2 since baseline 04.00"
        )
    return facts.scales[0], facts.offsets[0]


def as_dn(reflectance: NDArray[np.float32]) -> NDArray[np.uint16]:
    """(bands, height, width), NaN where not measured, as a `TrainingScene` keeps it: bands last."""
    return np.ascontiguousarray(np.moveaxis(radiometry.encode(reflectance), 0, -1))
