"""Pictures for people, as PNG: the door to matplotlib, which is an optional extra.

Colours are told apart with any colour vision (cividis, viridis, Okabe and Ito's palette); what
was not seen is grey and hatched, never a colour of a scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from tulip_ops.core.errors import BadAcquisitionId, BadSetting
from tulip_ops.core.types import AcquisitionId, Field, SeasonVerdict
from tulip_ops.raster.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

_LARGEST = 1200
"""Pixels along a panel's longer side; larger rasters are thinned to it."""
_BRIGHTEST = 98
"""Percentile of the reflectance that is drawn at full brightness."""
_NOT_SEEN, _HATCH = "0.80", "0.60"
_OUTLINE = "#F0E442"
VERDICTS = {
    SeasonVerdict.BLOOMED: ("#D55E00", "", "bloomed"),
    SeasonVerdict.NOT_BLOOMED: ("#56B4E9", "", "not bloomed"),
    SeasonVerdict.NOT_SEEN: (_NOT_SEEN, "////", "not seen"),
}
"""Colour, hatch and name of each verdict, in every picture."""


def acquisition_picture(
    path: Path,
    title: str,
    rgb: NDArray[np.float32],
    cloud: NDArray[np.float32],
    tulip: NDArray[np.float32],
    polygons: Sequence[Polygon],
    grid: Grid,
    *,
    simulated: bool,
    threshold: float,
) -> None:
    """Draw image, cloud screen, tulip probability and polygons of an acquisition side by side.

    title: the acquisition's id. rgb: (3, height, width) reflectance, NaN where not measured.
    cloud: (height, width) probability, NaN where not measured. tulip: (2, height, width)
    probabilities of tulip and bloom, NaN where not seen. polygons: in the grid's CRS.
    threshold: cloud probability from which a pixel is not clear. `BadSetting` without matplotlib.
    """
    step = math.ceil(max(grid.shape) / _LARGEST)
    rgb, cloud = rgb[:, ::step, ::step], cloud[::step, ::step]
    probability = tulip[0, ::step, ::step]
    height = 5.0 * max(0.6, min(1.4, grid.height / grid.width))
    figure = new_figure(20.5, height + 1.9)
    panels = figure.subplots(2, 4, height_ratios=[height, 0.22])
    extent = (grid.bounds[0], grid.bounds[2], grid.bounds[1], grid.bounds[3])
    clear = cloud < threshold
    image = light_image(rgb, clear)
    headings = (
        "image",
        f"cloud screen: {clear.sum() / max(np.isfinite(cloud).sum(), 1):.0%} clear",
        "tulip probability",
        f"{len(polygons)} tulip fields",
    )
    for axes, heading in zip(panels[0], headings, strict=True):
        axes.set_title(heading, fontsize=13)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_facecolor(_NOT_SEEN)
    panels[0, 0].imshow(image, extent=extent)
    screen = panels[0, 1].imshow(cloud, extent=extent, cmap="cividis", vmin=0, vmax=1)
    _cloud_edge(panels[0, 1], cloud, threshold, extent)
    found = panels[0, 2].imshow(probability, extent=extent, cmap="viridis", vmin=0, vmax=1)
    panels[0, 3].imshow(image, extent=extent)
    for polygon in polygons:
        _outline(panels[0, 3], polygon)
    for axes, shown in zip(panels[0], (rgb[0], cloud, probability, probability), strict=True):
        _hatch(axes, np.isnan(shown), extent)
    scale_bar(panels[0, 0], grid)
    for axes, drawn, label in (
        (panels[1, 1], screen, f"probability of cloud; line at {threshold:g}"),
        (panels[1, 2], found, "probability of tulips"),
    ):
        figure.colorbar(drawn, cax=axes, orientation="horizontal", label=label)
    _legend(panels[1, 0], "not measured")
    _legend(panels[1, 3], "not seen", outline="field")
    _headline(figure, _dated(title), simulated=simulated)
    figure.savefig(path, dpi=100)


def season_picture(
    path: Path,
    title: str,
    fields: Sequence[Field],
    seasons: Mapping[int, Mapping[int, SeasonVerdict]],
    *,
    simulated: bool,
) -> None:
    """Draw the fields of an area once for each season, coloured by what the season says.

    fields: at least one, EPSG:4326. seasons: by year, the verdict of each field id; a field
    without one is drawn empty. `BadSetting` without matplotlib.
    """
    west, south, east, north = shapely.total_bounds([field.geometry for field in fields])
    border = 0.03 * max(east - west, north - south)
    stretch = 1 / math.cos(math.radians((south + north) / 2))
    aspect = (north - south) * stretch / (east - west)
    height = 4.2 * max(0.4, min(2.0, aspect))
    figure = new_figure(max(4.4 * len(seasons), 6.6), height + 1.6)  # the legend needs 6.6
    panels = figure.subplots(1, max(len(seasons), 1), squeeze=False)[0]
    for axes, (year, verdicts) in zip(panels, sorted(seasons.items()), strict=True):
        said = list(verdicts.values())
        blooming = sum(verdict is SeasonVerdict.BLOOMED for verdict in said)
        unseen = sum(verdict is SeasonVerdict.NOT_SEEN for verdict in said)
        axes.set_title(f"{year}: {blooming} bloomed, {unseen} not seen", fontsize=13)
        for field in fields:
            verdict = verdicts.get(field.id)
            colour, hatch, _ = VERDICTS[verdict] if verdict else ("none", "", "")
            draw_polygon(axes, field.geometry, colour, hatch)
        axes.set(
            xlim=(west - border, east + border),
            ylim=(south - border, north + border),
            aspect=stretch,
            xticks=[],
            yticks=[],
        )
    _verdict_legend(figure)
    _headline(figure, title, simulated=simulated)
    figure.savefig(path, dpi=100)


def training_curves(table: Path, picture: Path) -> None:
    """Draw the losses of a training's CSV log; `BadSetting` without matplotlib.

    table: columns part, epoch, chip size, loss, validation loss, seconds, under a line of names.
    """
    loss, validation = np.loadtxt(table, delimiter=",", skiprows=1, ndmin=2, usecols=(3, 4)).T
    epoch = np.arange(1, len(loss) + 1)
    figure = new_figure(6, 4)
    axes = figure.subplots()
    axes.plot(epoch, loss, label="learned from")
    axes.plot(epoch, validation, label="validation scenes")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend()
    figure.savefig(picture, dpi=120)


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


def _cloud_edge(axes: Axes, cloud: NDArray[np.float32], threshold: float, extent: Any) -> None:
    known = np.nan_to_num(cloud, nan=-1.0)
    if known.max() >= threshold > known.min() and min(cloud.shape) > 1:
        axes.contour(
            known, levels=[threshold], colors="#D55E00", linewidths=1.2, extent=extent,
            origin="upper",
        )  # fmt: skip


def _hatch(axes: Axes, missing: NDArray[np.bool_], extent: Any) -> None:
    if not missing.any() or min(missing.shape) < 2:
        return
    hatched = axes.contourf(
        missing, levels=[0.5, 1.5], colors="none", hatches=["///"], extent=extent, origin="upper"
    )
    hatched.set_edgecolor(_HATCH)
    hatched.set_linewidth(0)


def _outline(axes: Axes, polygon: Polygon) -> None:
    for ring in (polygon.exterior, *polygon.interiors):
        x, y = ring.xy
        axes.plot(x, y, color="black", linewidth=2.6, solid_joinstyle="round")
        axes.plot(x, y, color=_OUTLINE, linewidth=1.2, solid_joinstyle="round")


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


def _legend(axes: Axes, missing: str, outline: str | None = None) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    handles: list[Any] = [Patch(facecolor=_NOT_SEEN, edgecolor=_HATCH, hatch="///", label=missing)]
    if outline is not None:
        handles.insert(0, Line2D([], [], color=_OUTLINE, linewidth=2, label=outline))
    axes.axis("off")
    axes.legend(handles=handles, loc="center", ncols=2, frameon=False, fontsize=11)


def _verdict_legend(figure: Figure) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415

    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="0.35", label=label)
        for colour, hatch, label in VERDICTS.values()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=12)


def _headline(figure: Figure, title: str, *, simulated: bool) -> None:
    if simulated:
        figure.suptitle(f"{title}    SIMULATED", fontsize=16, color="#9C3F00")
    else:
        figure.suptitle(title, fontsize=16)


def _dated(title: str) -> str:
    try:
        day = AcquisitionId.parse(title).day
    except BadAcquisitionId:
        return title
    return f"{title}    {day.day} {day:%B %Y}"
