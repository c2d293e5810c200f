"""What the name of a file says of its scene: day, satellite, tile, level, baseline. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tulip_ops.core.errors import BadScene

_MOMENT = re.compile(r"(?<!\w)(?P<day>20\d{6})[-T](?P<time>\d{6})(?!\d)")
_DAY = re.compile(r"(?<!\w)(?P<day>20\d{2}-\d{2}-\d{2}|20\d{6})(?!\w)")
_PRODUCT = re.compile(
    r"(?<!\w)S2[A-D] MSIL(?:1C|2A) 20\d{6}T\d{6} N\d{4} R\d{3} T\w{5}(?P<rest>.*)"
)
_PLATFORM = re.compile(r"(?<!\w)(?P<platform>S2[A-D])(?!\w)")
_TILE = re.compile(r"(?<!\w)T?(?P<tile>\d{2}[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V])(?!\w)")
_LEVEL = re.compile(r"(?<!\w)(?:MSI)?(?P<level>L1C|L2A)(?!\w)")
_BASELINE = re.compile(r"(?<!\w)N(?P<baseline>\d{4})(?!\w)")
_OTHERS = {
    "Landsat": r"L[COTEM]?0?[4-9]|landsat[- ]?\d?",
    "PlanetScope": r"planetscope|planet|PSScene\w*|PS2(?:SD)?|PSB|superdove|analyticms\w*",
    "Sentinel-1": r"S1[A-D]|sentinel-?1[a-d]?",
    "Sentinel-3": r"S3[A-D]|sentinel-?3[a-d]?",
    "RapidEye": r"rapideye",
    "SPOT": r"spot[- ]?[1-7]",
    "Pleiades": r"phr1?[ab]?|pleiades|pneo",
    "MODIS": r"modis|m[oy]d\d{2}\w*",
    "WorldView": r"wv-?0?[1-4]|worldview[- ]?\d?",
}
_OTHER = {
    name: re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)
    for name, pattern in _OTHERS.items()
}


@dataclass(frozen=True, slots=True)
class SceneName:
    """What a name says; None for what it does not say."""

    moments: tuple[datetime, ...]
    """UTC, one for each different day; midnight where only the day is named."""
    platform: str | None
    other_satellite: str | None
    """A satellite that is not Sentinel-2, where no Sentinel-2 is named."""
    tile: str | None
    level: str | None
    baseline: str | None
    """Processing baseline as four digits, such as 0510."""


def parse_name(path: Path, name: str) -> SceneName:
    """Read a name without its suffix; `BadScene` if it has a day that does not exist.

    path: for messages. Of the two days in the name of an ESA product, only the first is of sensing.
    """
    words = name.replace("_", " ")
    platform = _first_group(_PLATFORM, words)
    others = (other for other, pattern in _OTHER.items() if pattern.search(words))
    return SceneName(
        moments=_moments(path, words),
        platform=platform,
        other_satellite=None if platform else next(others, None),
        tile=_first_group(_TILE, words),
        level=_first_group(_LEVEL, words),
        baseline=_first_group(_BASELINE, words),
    )


def _moments(path: Path, words: str) -> tuple[datetime, ...]:
    product = _PRODUCT.search(words)
    if product:
        words = words[: product.start("rest")]
    found = [match["day"] + match["time"] for match in _MOMENT.finditer(words)]
    found += [match["day"].replace("-", "") + "000000" for match in _DAY.finditer(words)]
    days = {digits[:8]: digits for digits in reversed(found)}
    try:
        return tuple(
            datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            for _, digits in sorted(days.items())
        )
    except ValueError as error:
        raise BadScene(f"{path} names no day that exists ({error}); give --date") from error


def _first_group(pattern: re.Pattern[str], words: str) -> str | None:
    match = pattern.search(words)
    return match[1] if match else None
