"""How the rasters of this project store their values, for those that write and describe them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.probability import PROBABILITY_NODATA, PROBABILITY_STEPS, encode_probability

if TYPE_CHECKING:
    from numpy.typing import NDArray

Overviews: TypeAlias = Literal["average", "nearest"]
"""How a pixel of an overview is computed from the pixels below it."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """The pixel format of a raster: value = stored * scale + offset."""

    dtype: str
    nodata: float | None
    scale: float
    offset: float
    overviews: Overviews
    encode: Callable[[NDArray[Any]], NDArray[Any]]
    """From values to stored numbers."""


REFLECTANCE = Encoding(
    "uint16",
    radiometry.DN_NODATA,
    radiometry.DN_SCALE,
    radiometry.DN_OFFSET,
    "average",
    radiometry.encode,
)
PROBABILITY = Encoding(
    "uint8", PROBABILITY_NODATA, 1 / PROBABILITY_STEPS, 0.0, "nearest", encode_probability
)
