"""Reflectance from stored numbers, and checks of the radiometric offset. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tulip_ops.core.errors import OffsetContradiction
from tulip_ops.core.types import OffsetRule, processing_baseline

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRETCH = 2.5
"""Usual gain of 8-bit renderings: value = reflectance * STRETCH * 255, saturated."""

DN_SCALE = 1e-4
DN_OFFSET = -0.1
"""Sentinel-2 L2A from processing baseline 04.00: reflectance = DN * DN_SCALE + DN_OFFSET."""
DN_NODATA = 0
"""DN of pixels without data."""

_FIRST_WITH_OFFSET = "04.00"
"""The first processing baseline with ESA's offset of 1000 DN."""
_VISIBLE = ("blue", "green", "red")
_CERTAINLY_BELOW = -0.02
"""Reflectance in the visible that noise and dark water rarely fall below."""
_SHARE_BELOW = 0.05
_VEGETATION = 0.2
"""nir - red from which a pixel is vegetation; an offset of both bands cancels."""
_DARKEST = 5
"""Percentile of vegetation in the darker of blue and red. On real scenes it is at most 0.072
without the offset, under haze, and at least 0.111 with it."""
_ENOUGH_SHARE, _ENOUGH_PIXELS = 0.005, 100


@dataclass(frozen=True, slots=True)
class OffsetEvidence:
    """Evidence in the pixels for the offset of 1000 that baseline 04.00 adds to DN."""

    present: bool | None
    """None: undecided, for example under cloud, where no pixel is dark."""
    text: str
    """The figures of the evidence, for messages."""


def encode(reflectance: NDArray[np.float32], offset: float = DN_OFFSET) -> NDArray[np.uint16]:
    """Reflectance as DN of baseline 04.00: NaN becomes 0, the rest is clipped to 1..65535.

    Any shape. offset: 0 for DN of earlier baselines, which cannot represent negative values.
    Invariant: abs(decode(encode(r)) - r) <= 0.5e-4 for r in [-0.0999, 6.4535].
    """
    numbers = np.rint((reflectance.astype(np.float64) - offset) / DN_SCALE).clip(1, 65535)
    return np.where(np.isnan(reflectance), DN_NODATA, numbers).astype(np.uint16)


def decode(dn: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The inverse of `encode`: float32, NaN where DN is 0."""
    reflectance = dn * np.float32(DN_SCALE) + np.float32(DN_OFFSET)
    return np.where(dn == DN_NODATA, np.float32(np.nan), reflectance)


def true_color_scale(stretch: float) -> float:
    """Reflectance per step of an 8-bit rendering: reflectance = value / 255 / stretch."""
    return 1 / 255 / stretch


def detect_offset(stored: NDArray[np.float32], bands: Sequence[str]) -> OffsetEvidence:
    """Estimate from the pixels whether the offset of baseline 04.00 is present.

    stored: (len(bands), height, width), DN * DN_SCALE without any offset; NaN for no data.

    With the offset, hardly any valid DN of the visible bands is below 1000. Without it, most of
    vegetation, water and shadow are, and vegetation, which nir - red identifies with any offset,
    is dark in blue or red.
    """
    places = {band: place for place, band in enumerate(bands)}
    visible = stored[[places[band] for band in _VISIBLE if band in places]]
    valid = int(np.isfinite(visible).sum())
    if valid:
        below = int((visible < _CERTAINLY_BELOW - DN_OFFSET).sum()) / valid
        if below > _SHARE_BELOW:
            limit = (_CERTAINLY_BELOW - DN_OFFSET) / DN_SCALE
            return OffsetEvidence(False, f"{below:.0%} of {valid} visible DN are below {limit:.0f}")
    if "nir" not in places or "red" not in places:
        return OffsetEvidence(None, "without nir and red nothing is known of vegetation")
    red = stored[places["red"]]
    green = stored[places["nir"]] - red > _VEGETATION
    number, measured = int(green.sum()), int(np.isfinite(red).sum())
    if number < max(_ENOUGH_PIXELS, _ENOUGH_SHARE * measured):
        return OffsetEvidence(None, f"{number} pixels of vegetation are too few to tell")
    darker = np.fmin(red, stored[places.get("blue", places["red"])])[green]
    darkest = float(np.percentile(darker, _DARKEST))
    text = (
        f"of {number} pixels of vegetation {100 - _DARKEST} % are brighter than DN"
        f" {darkest / DN_SCALE:.0f} in blue and red"
    )
    return OffsetEvidence(True if darkest >= -DN_OFFSET else None, text)


def resolve_offset(
    rule: OffsetRule,
    *,
    baseline: str | None,
    declared: float | None,
    subtracted: bool | None,
    evidence: OffsetEvidence,
    name: str,
) -> float:
    """The offset to add to DN * DN_SCALE: DN_OFFSET or 0.

    baseline: processing baseline in the item, such as 05.11. declared: offset in the item.
    subtracted: whether the provider has subtracted the 1000, according to the item. name: of the
    scene, for messages. `OffsetContradiction` if the pixels contradict the result.

    The sensing date is no evidence: reprocessed scenes of 2016 have the offset, too.
    """
    by_baseline = baseline_offset(baseline)
    if rule == "pixels" and by_baseline != 0.0 and evidence.present is not None:
        return DN_OFFSET if evidence.present else 0.0
    expected = {
        "declared": declared if declared is not None else by_baseline,
        "baseline": by_baseline if by_baseline is not None else declared,
        "pixels": 0.0 if subtracted else by_baseline,
        "none": 0.0,
    }[rule]
    if expected is None:
        raise OffsetContradiction(
            f"neither an offset nor a processing baseline is declared for {name}, so that its"
            f" numbers mean nothing certain ({evidence.text}); fetch it from another source"
        )
    _require_agreement(expected, evidence, name)
    return expected


def baseline_offset(baseline: str | None) -> float | None:
    """The offset of ESA's own pixels of a processing baseline; None for any other text.

    Compares numbers: 04.00, 4.0 and N0400 are equal, and 10.00 is later than 9.99.
    """
    text = str(baseline or "").strip()
    if re.fullmatch(r"\d{1,2}\.\d", text):
        text += "0"  # some catalogs store the baseline as a decimal number, such as 4.0
    known = processing_baseline(text)
    if known is None:
        return None
    return DN_OFFSET if known >= _FIRST_WITH_OFFSET else 0.0


def check_offset(
    reflectance: NDArray[np.float32],
    bands: Sequence[str],
    *,
    scale: float,
    offset: float,
    name: str,
) -> None:
    """Refuse pixels that contradict the offset in their metadata.

    reflectance: (len(bands), height, width), decoded with `scale` and `offset`; NaN for no data.
    name: of the scene, for messages.

    Providers publish scenes of baseline 04.00 both with and without the added 1000 and mislabel
    them (Element84/earth-search issues 9 and 71): `OffsetContradiction` if -0.1 is declared and
    the pixels lack the 1000, and if 0 is declared and they have it.
    """
    if np.isclose(scale, DN_SCALE) and (offset == 0 or np.isclose(offset, DN_OFFSET)):
        evidence = detect_offset(reflectance - np.float32(offset), bands)
        _require_agreement(offset, evidence, name)


def _require_agreement(expected: float, evidence: OffsetEvidence, name: str) -> None:
    if evidence.present is None or evidence.present == (expected != 0):
        return
    found = "not in its pixels" if expected else "in its pixels all the same"
    right = 0.0 if expected else DN_OFFSET
    raise OffsetContradiction(
        f"{name} declares reflectance = DN * {DN_SCALE:g} {expected:+g}, but the"
        f" {-DN_OFFSET / DN_SCALE:.0f} of baseline 04.00 is {found}: {evidence.text}. Correct the"
        f" offset in its STAC item to {right:g}, or fetch the scene from another source"
    )
