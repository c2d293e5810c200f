"""What the stored numbers of a file mean as reflectance. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tulip_ops.core.errors import BadScene
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.header import RasterInfo
from tulip_ops.sources.archive.band_names import (
    BandChoice,
    choose_bands,
    with_alpha_as_band,
)

NoData = float | Literal["none"] | None
"""Stored value where nothing was measured; "none": there is no such value; None: as declared."""

_OFFSET_BASELINE = 400
"""Processing baseline 04.00, from which ESA adds 1000 to DN."""
_DN = frozenset(("uint16", "int16"))
_FLOATS = frozenset(("float32", "float64"))
_RENDERED = "uint8"


@dataclass(frozen=True, slots=True)
class PixelEncoding:
    """Meaning of stored numbers: reflectance = stored * scale + offset, for each band."""

    choice: BandChoice
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    nodata: float | None
    nodata_known: bool
    """Whether an option, the header or a mask says where nothing was measured."""
    alpha_index: int | None
    """Band of the file that is alpha because GDAL says so."""
    dtype: str
    title: str

    @property
    def bands(self) -> tuple[str, ...]:
        return self.choice.names


def read_encoding(
    path: Path,
    info: RasterInfo,
    *,
    baseline: str | None,
    kind: str,
    bands: Sequence[str] | None,
    nodata: NoData,
    stretch: float,
    scale: float | None,
    offset: float | None,
) -> PixelEncoding:
    """Meaning of a file's numbers; `BadScene` names what is missing and the option that gives it.

    baseline: processing baseline in the name, as 0510. The others: as of `parse_metadata`.
    """
    info = with_alpha_as_band(info, bands)
    if kind == "auto":
        rendered = info.dtype == _RENDERED and len(info.bands) in {3, 4}
        kind = "true-color" if rendered else "reflectance"
    _check_kind(path, info, kind)
    choice = choose_bands(path, info, bands)
    if kind == "true-color":
        step = radiometry.true_color_scale(stretch) if scale is None else scale
        scales: tuple[float, ...] = (step,) * len(choice.names)
        offsets: tuple[float, ...] = (offset or 0.0,) * len(choice.names)
    else:
        scales, offsets = _scales(path, info, choice, baseline, scale, offset)
    by_default = radiometry.DN_NODATA if info.dtype in _DN else None
    declared = by_default if info.nodata is None else info.nodata
    masked = info.has_mask or choice.mask_index is not None
    return PixelEncoding(
        choice=choice,
        scales=scales,
        offsets=offsets,
        nodata=None if nodata == "none" else declared if nodata is None else nodata,
        nodata_known=nodata is not None or info.nodata is not None or masked,
        alpha_index=info.alpha_index,
        dtype=info.dtype,
        title="TRUE_COLOR rendering" if kind == "true-color" else "Reflectance",
    )


def _check_kind(path: Path, info: RasterInfo, kind: str) -> None:
    count = len(info.bands)
    if kind == "true-color" and (info.dtype != _RENDERED or count not in {3, 4}):
        raise BadScene(
            f"{path} is no TRUE_COLOR rendering: that has three bands of uint8 (four with near"
            f" infrared or a mask), not {count} of {info.dtype}"
        )
    if kind == "reflectance" and info.dtype not in _DN | _FLOATS:
        raise BadScene(
            f"{path} holds {count} band{'s' * (count > 1)} of {info.dtype}: that is a mask, a"
            " class map or an index, not a scene. A scene has three bands of uint8 (TRUE_COLOR),"
            " or reflectance as uint16, int16, float32 or float64"
        )


def _scales(
    path: Path,
    info: RasterInfo,
    choice: BandChoice,
    baseline: str | None,
    scale: float | None,
    offset: float | None,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and offset of each band: the options, else the header, else those of ESA's DN."""
    places = [info.indexes.index(index) for index in choice.indexes]
    scales = tuple(info.scales[place] for place in places)
    offsets = tuple(info.offsets[place] for place in places)
    if scale is not None:
        scales, offsets = (scale,) * len(places), (offset or 0.0,) * len(places)
    elif info.dtype in _DN:
        if set(scales) == {1.0}:
            scales = (radiometry.DN_SCALE,) * len(places)
            if offset is None:
                _ask_for_offset(path, baseline, offsets)
        elif 1.0 in scales:
            raise BadScene(
                f"{path} declares a scale for some of its bands only"
                f" ({', '.join(f'{value:g}' for value in scales)}): give --scale and --offset,"
                " or add each band of it with a header of its own"
            )
    return scales, offsets if offset is None else (offset,) * len(places)


def _ask_for_offset(path: Path, baseline: str | None, offsets: Sequence[float]) -> None:
    if any(offsets):
        raise BadScene(
            f"{path} declares an offset ({offsets[0]:g}) without a scale: give --offset in"
            " reflectance (-0.1 for the 1000 of baseline 04.00), and --scale if it is not 0.0001"
        )
    if baseline and int(baseline) >= _OFFSET_BASELINE:
        raise BadScene(
            f"{path} is of processing baseline {baseline[:2]}.{baseline[2:]}, whose pixels carry"
            " 1000 more unless somebody took it away: give --offset -0.1, or --offset 0 if so"
        )
