"""Refuses files whose pixels contradict what is known of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tulip_ops.core.errors import BadScene
from tulip_ops.raster.pixel_survey import PixelSurvey, count_shades, survey_pixels
from tulip_ops.sources.archive.pixel_encoding import PixelEncoding

_FILLS = {
    "uint8": (0.0, 255.0),
    "uint16": (65535.0,),
    "int16": (-9999.0, -32768.0),
    "float32": (0.0, -9999.0, 65535.0),
    "float64": (0.0, -9999.0, 65535.0),
}
"""What others write where nothing was measured; 0 of integers of 16 bits is that by default."""
_LARGE = 0.01
"""Share of all pixels from which equal ones are a block."""
_MOSTLY_STEPS = 0.5
"""Share of the edges of a block: a cloud in 8 bits has gradual ones, a fill value has steps."""
_MOST_SHADES = 64
"""Different values of an alpha band: 0 and its maximum, and some between along smooth edges."""
_BRIGHTEST = 2.0
"""Reflectance that 95 % of pixels stay below in any band; clouds and snow reach 1.5."""
_DARKEST = -0.2
_DIM = 0.011
"""Reflectance that some pixels of every scene exceed in its brightest band."""
_DN = 100.0
"""Stored number from which numbers above `_BRIGHTEST` are DN, and below percent."""


def check_pixels(path: Path, parts: Sequence[tuple[str, PixelEncoding]]) -> None:
    """`BadScene` where fill values are measured by declaration, or numbers are no reflectance.

    path: for messages. parts: hrefs of a scene's rasters. Reads all pixels: `UnreadableRaster`.
    """
    measured = []
    for href, pixels in parts:
        if pixels.alpha_index is not None and not pixels.choice.mask_index:
            _check_alpha(path, href, pixels)
        fills = () if pixels.nodata_known else _FILLS[pixels.dtype]
        survey = survey_pixels(href, pixels.choice.indexes, fills, pixels.nodata)
        _check_fills(path, survey, rendered=pixels.dtype == "uint8")
        measured += [
            _Range(band, scale, offset, low, high)
            for band, scale, offset, low, high in zip(
                pixels.bands, pixels.scales, pixels.offsets, survey.low, survey.high, strict=True
            )
            if not math.isnan(high)
        ]
    if measured:
        whole = all(pixels.dtype.endswith("int16") for _, pixels in parts)
        _check_brightest(path, max(measured, key=lambda one: one.brightest), whole=whole)
        _check_darkest(path, min(measured, key=lambda one: one.darkest))


@dataclass(frozen=True, slots=True)
class _Range:
    """Stored numbers that 90 % of a band's pixels lie between, and their encoding."""

    band: str
    scale: float
    offset: float
    low: float
    high: float

    @property
    def darkest(self) -> float:
        return self.low * self.scale + self.offset

    @property
    def brightest(self) -> float:
        return self.high * self.scale + self.offset

    def __str__(self) -> str:
        return (
            f"in {self.band}, 90 % of the stored numbers lie from {self.low:g} to {self.high:g};"
            f" with * {self.scale:g} {self.offset:+g} that is reflectance from"
            f" {self.darkest:.4g} to {self.brightest:.4g}"
        )


def _check_alpha(path: Path, href: str, pixels: PixelEncoding) -> None:
    shades = count_shades(href, pixels.alpha_index or 1)
    if shades > _MOST_SHADES:
        named = " ".join(f"--band {band}" for band in pixels.bands)
        raise BadScene(
            f"{path}: its band {pixels.alpha_index} is declared as alpha, but has {shades}"
            f" different values, as near infrared has: give {named} and, for this band, --band"
            " nir, --band mask (0 where nothing was measured) or --band skip"
        )


def _check_fills(path: Path, survey: PixelSurvey, *, rendered: bool) -> None:
    for fill, found in survey.fills.items():
        # no reflectance is negative by thousands: one such pixel is enough
        large = found.share >= _LARGE or (fill < 0 and found.share > 0)
        if large and (not rendered or found.step_share >= _MOSTLY_STEPS):
            raise BadScene(
                f"{path}: {100 * found.share:.2g} % of the pixels are {fill:g} in all bands, and"
                f" no nodata value is declared: give --nodata {fill:g} if nothing was measured"
                " there, or --nodata none if it was"
            )


def _check_brightest(path: Path, found: _Range, *, whole: bool) -> None:
    if found.brightest > _BRIGHTEST and found.high > _DN:
        raise BadScene(
            f"{path}: {found}, which cannot be. They are probably DN: give --scale 0.0001, and"
            " --offset -0.1 if baseline 04.00 or later added 1000"
        )
    if found.brightest > _BRIGHTEST:
        raise BadScene(
            f"{path}: {found}, which cannot be. They are probably percent: give --scale 0.01"
        )
    if whole and 0 < found.high <= _DN and found.brightest <= _DIM:
        raise BadScene(
            f"{path}: {found}, which is too dark for a scene. They are probably percent: give"
            " --scale 0.01"
        )


def _check_darkest(path: Path, found: _Range) -> None:
    if found.darkest < _DARKEST:
        raise BadScene(
            f"{path}: {found}, which cannot be: give --nodata if the lowest are not measured, or"
            " the right --scale and --offset"
        )
