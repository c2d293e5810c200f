"""From stored numbers to reflectance, and whether the two agree. Arrays and numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tulip_ops.errors import OffsetContradiction

if TYPE_CHECKING:
    from numpy.typing import NDArray

DN_SCALE = 1e-4
DN_OFFSET = -0.1
"""Sentinel-2 L2A from processing baseline 04.00: reflectance = DN * DN_SCALE + DN_OFFSET."""
DN_NODATA = 0
"""DN where nothing was measured."""

_VISIBLE = ("blue", "green", "red")
_SHARE_BELOW_ZERO = 0.2
"""More than this much of visible reflectance below zero is no noise: vegetation, water and
shadow stay above it once the right offset is applied, and mostly fall below with 0.1 too much."""


def encode(reflectance: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Reflectance as DN of baseline 04.00: NaN becomes 0, the rest is clipped to 1..65535.

    Any shape. Invariant: decode(encode(r)) is within half of 1e-4 of r in [-0.0999, 6.4535].
    """
    numbers = np.rint((reflectance.astype(np.float64) - DN_OFFSET) / DN_SCALE).clip(1, 65535)
    return np.where(np.isnan(reflectance), DN_NODATA, numbers).astype(np.uint16)


def decode(dn: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The inverse of `encode`: float32, NaN where DN is 0."""
    reflectance = dn * np.float32(DN_SCALE) + np.float32(DN_OFFSET)
    return np.where(dn == DN_NODATA, np.float32(np.nan), reflectance)


def true_color_scale(stretch: float) -> float:
    """Reflectance of one step of an 8-bit rendering: reflectance = value / 255 / stretch."""
    return 1 / 255 / stretch


def check_offset(
    reflectance: NDArray[np.float32],
    bands: Sequence[str],
    *,
    scale: float,
    offset: float,
    name: str,
) -> None:
    """Refuse pixels that cannot carry the offset which their metadata declare.

    reflectance: (len(bands), height, width), made with `scale` and `offset`; NaN where nothing
    was measured. name: of the scene, for the message.

    Providers publish scenes of baseline 04.00 both with and without the added 1000 and mislabel
    them (Element84/earth-search issues 9 and 71). Where -0.1 is declared and the 1000 is not in
    the pixels, most valid DN of the visible bands are below 1000: `OffsetContradiction`.
    """
    if not (np.isclose(scale, DN_SCALE) and np.isclose(offset, DN_OFFSET)):
        return
    visible = [place for place, band in enumerate(bands) if band in _VISIBLE]
    values = reflectance[visible or slice(None)]
    valid = int(np.isfinite(values).sum())
    below = int((values < 0).sum())
    if valid and below / valid > _SHARE_BELOW_ZERO:
        raise OffsetContradiction(
            f"{name} declares reflectance = DN * {scale:g} {offset:+g}, but {below / valid:.0%} of"
            f" {valid} valid DN in {', '.join(bands[place] for place in visible) or 'its bands'}"
            f" are below {-offset / scale:.0f}: its pixels do not carry that offset. Correct the"
            " offset in its STAC item to 0, or fetch the scene from another source"
        )
