"""Which band of a file is which: by option, description or colour interpretation. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tulip_ops.core.errors import BadScene
from tulip_ops.raster.header import RasterInfo
from tulip_ops.sources.stac_bands import common_name

SKIP = "skip"
MASK = "mask"
_RGB = ("red", "green", "blue")
_MASKS = frozenset(("datamask", "data_mask", "data-mask", "alpha"))
_UNUSED = re.compile(
    r"b0?1|b0?9|b10|coastal|nir09|cirrus|water_?vapou?r"
    r"|scl|aot|wvp|cld|clp|clm|snw|tci(_[rgb])?|qa\d+|msk_\w+"
    r"|(sun|view)(azimuth|zenith)\w*"
)
"""Sentinel-2's other bands, and what providers put beside them."""


@dataclass(frozen=True, slots=True)
class BandChoice:
    """The bands of a file that a scene has."""

    names: tuple[str, ...]
    indexes: tuple[int, ...]
    """Their places in the file, from 1."""
    mask_index: int | None
    """Band that is not zero where something was measured."""
    left_out: tuple[str, ...]
    """Names of the others, as the file says them."""


def with_alpha_as_band(info: RasterInfo, given: Sequence[str] | None) -> RasterInfo:
    """The same header, with alpha among the bands if its description or `given` says what it is.

    GDAL calls the fourth of four 8-bit bands alpha unless told otherwise, near infrared as well.
    """
    if info.alpha_index is None:
        return info
    if len(given or ()) != len(info.bands) + 1 and not (
        given is None and common_name(info.alpha_name)
    ):
        return info
    return replace(
        info,
        bands=(*info.bands, info.alpha_name),
        colors=(*info.colors, "undefined"),
        indexes=(*info.indexes, info.alpha_index),
        scales=(*info.scales, 1.0),
        offsets=(*info.offsets, 0.0),
        has_alpha=False,
        has_mask=False,
        alpha_index=None,
    )


def choose_bands(path: Path, info: RasterInfo, given: Sequence[str] | None) -> BandChoice:
    """Find the bands; `BadScene` where neither `given` nor the file decides.

    given: a word for each band without alpha: its name, `skip` or `mask`. Without it the
    descriptions decide, then the colour interpretation; three bands of uint8 without either are
    red, green and blue.
    """
    words = list(given or _described(path, info))
    meanings = [_meaning(word) for word in words]
    named = [meaning for meaning in meanings if meaning not in {None, SKIP, MASK}]
    unique = len(set(named)) == len(named) and meanings.count(MASK) <= 1
    if len(words) != len(info.bands) or None in meanings or not named or not unique:
        raise BadScene(
            f"{path} has {len(info.bands)} bands called {', '.join(repr(word) for word in words)}:"
            " name each once, in order, as --band red or --band B04; --band skip leaves one out,"
            " and --band mask is a band that is 0 where nothing was measured"
        )
    found = list(zip(meanings, info.indexes, words, strict=True))
    used = [(name, index) for name, index, _ in found if name not in {None, SKIP, MASK}]
    return BandChoice(
        names=tuple(name for name, _ in used if name),
        indexes=tuple(index for _, index in used),
        mask_index=next((index for name, index, _ in found if name == MASK), None),
        left_out=tuple(word for name, _, word in found if name == SKIP),
    )


def _described(path: Path, info: RasterInfo) -> Sequence[str]:
    """A word for each band from the file itself."""
    if any(common_name(word) for word in info.bands):
        return info.bands
    colors = tuple(color if common_name(color) else "" for color in info.colors)
    if info.dtype == "uint8" and len(info.bands) == 4 and not all(colors):
        raise BadScene(
            f"{path} does not say what the fourth of its 8-bit bands is: give --band red --band"
            " green --band blue and, for the fourth, --band nir, --band mask (alpha: 0 where"
            " nothing was measured) or --band skip; other colours in the order of the file"
        )
    if all(colors) and len(set(colors)) == len(colors):
        return colors
    return _RGB if info.dtype == "uint8" and len(info.bands) == 3 else info.bands


def _meaning(word: str) -> str | None:
    """Our name of a band, `skip` or `mask`; None if the word means nothing to us."""
    low = word.strip().lower()
    if low in {SKIP, MASK}:
        return low
    if low in _MASKS:
        return MASK
    return common_name(word) or (SKIP if _UNUSED.fullmatch(low) else None)
