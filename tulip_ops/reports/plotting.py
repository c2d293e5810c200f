"""Figures, palette and scale bar of all pictures for people; matplotlib is an optional extra.

Colours are distinguishable with any colour vision (cividis, viridis, Okabe and Ito's palette); what
was not seen is grey and hatched, never a colour of a scale.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import shapely

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.types import SeasonVerdict
from tulip_ops.raster.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

_BRIGHTEST = 98
"""Percentile of the reflectance that is drawn at full brightness."""
NOT_SEEN, HATCH = "0.80", "0.60"

Style: TypeAlias = tuple[str, str, str]
"""Colour and hatch, as matplotlib names them, and what they mean."""

VERDICTS: dict[SeasonVerdict, Style] = {
    SeasonVerdict.BLOOMED: ("#D55E00", "", "bloomed"),
    SeasonVerdict.NOT_BLOOMED: ("#56B4E9", "", "not bloomed"),
    SeasonVerdict.NOT_SEEN: (NOT_SEEN, "////", "not seen"),
}
"""The style of each verdict, in every picture."""
DOUBTFUL: Style = ("#F6CFAE", r"\\\\", "bloomed, doubtful: confidence below 0.5")
"""Of a field that bloomed and is about as likely something else as tulips."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, inches; `BadSetting` without matplotlib."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise BadSetting(
            "pictures need matplotlib: install the extra, as in `pip install tulip_ops[pictures]`"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def light_image(rgb: NDArray[np.float32], clear: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(height, width, 4) in [0, 1], bright enough for clear ground, transparent where NaN."""
    measured: NDArray[np.bool_] = np.all(np.isfinite(rgb), axis=0)
    ground = rgb[:, measured & clear] if (measured & clear).any() else rgb[:, measured]
    brightest = float(np.percentile(ground, _BRIGHTEST)) if ground.size else 1.0
    colours = np.nan_to_num(np.clip(rgb / max(brightest, 1e-3), 0, 1)) ** 0.8
    return np.moveaxis(np.concatenate([colours, measured[np.newaxis]]), 0, -1)


def draw_polygon(axes: Axes, polygon: Polygon, colour: str, hatch: str) -> None:
    """Fill a polygon with its holes; colour and hatch as matplotlib names them."""
    from matplotlib.patches import PathPatch  # noqa: PLC0415
    from matplotlib.path import Path as Outline  # noqa: PLC0415

    wound = shapely.orient_polygons(polygon)  # a hole is one only if it turns the other way
    rings = [Outline(np.asarray(ring.coords), closed=True)
             for ring in (wound.exterior, *wound.interiors)]  # fmt: skip
    axes.add_patch(
        PathPatch(
            Outline.make_compound_path(*rings),
            facecolor=colour, hatch=hatch, edgecolor="0.35", linewidth=0.6,
        )
    )  # fmt: skip


def scale_bar(axes: Axes, grid: Grid) -> None:
    """A bar of a round length, about a quarter of the picture, in the lower left corner."""
    left, bottom, right, top = grid.bounds
    target = (right - left) / 4
    decade = 10.0 ** math.floor(math.log10(target))
    length = max(step * decade for step in (1, 2, 5) if step * decade <= target)
    x, y = left + (right - left) * 0.05, bottom + (top - bottom) * 0.06
    label = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.plot([x, x + length], [y, y], color="black", linewidth=7, solid_capstyle="butt")
    axes.plot([x, x + length], [y, y], color="white", linewidth=4, solid_capstyle="butt")
    axes.text(
        x + length / 2, y + (top - bottom) * 0.02, label, ha="center", va="bottom", fontsize=11,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip
