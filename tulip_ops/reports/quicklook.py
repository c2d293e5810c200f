"""Quicklooks of an acquisition and of an area's seasons, as PNG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from tulip_ops.core.errors import AreaNotFound, BadAcquisitionId, ProductMissing
from tulip_ops.core.files import write_output
from tulip_ops.core.storage_settings import DatabaseSettings, StorageSettings
from tulip_ops.core.types import AcquisitionId, Field, SeasonVerdict
from tulip_ops.postgis import areas, connection, field_seasons
from tulip_ops.raster import cog
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.reports.plotting import (
    HATCH,
    NOT_SEEN,
    VERDICTS,
    draw_polygon,
    light_image,
    new_figure,
    scale_bar,
)
from tulip_ops.storage import detections_file
from tulip_ops.storage.product_store import open_store
from tulip_ops.storage.products import CLOUD, DETECTIONS, REFLECTANCE, TULIP

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from shapely.geometry import Polygon

_LARGEST = 1200
"""Pixels along a panel's longer side; larger rasters are thinned to it."""

_OUTLINE = "#F0E442"


def draw_seasons(area: str, settings: DatabaseSettings, out: Path, *, simulated: bool) -> None:
    """Draw the fields of an area, season beside season, into a PNG.

    `AreaNotFound` if there is no such area, or no field in it has a season yet.
    """
    with connection.connect(settings.writer_url(), "tulip season-picture") as database:
        areas.get_areas(database, [area])
        rows = field_seasons.area_seasons(database, area, simulated=simulated)
    if not rows:
        raise AreaNotFound(
            f"no field of {area} has a {'simulated ' if simulated else ''}season yet;"
            " run `tulip history`, or look at the other kind with --simulated or --satellite"
        )
    fields = {field.id: field for field, _, _ in rows}
    seasons: dict[int, dict[int, SeasonVerdict]] = {}
    for field, year, verdict in rows:
        seasons.setdefault(year, {})[field.id] = verdict
    season_picture(
        out, area, list(fields.values()), dict(sorted(seasons.items())), simulated=simulated
    )


def draw(acquisition_id: AcquisitionId, settings: StorageSettings, out: Path) -> None:
    """Draw image, cloud screen, probability and polygons of an acquisition into a PNG.

    Products that a skipped acquisition lacks are shown as not seen. `ProductMissing` if not even
    its
    reflectance is there.
    """
    store = open_store(settings)
    reflectance, bands, grid = cog.read_reflectance(store.product(acquisition_id, REFLECTANCE))
    cloud, cloud_threshold = np.full((1, *grid.shape), np.nan, np.float32), 0.5
    tulip, polygons = np.full((2, *grid.shape), np.nan, np.float32), []
    with suppress(ProductMissing):  # the picture shows how far the acquisition came
        cloud, _ = cog.read_probability(store.product(acquisition_id, CLOUD))
        cloud_threshold = float(store.asset(acquisition_id, CLOUD)["tulip:threshold"])
        tulip, _ = cog.read_probability(store.product(acquisition_id, TULIP))
        detections = detections_file.read_detections(store.product(acquisition_id, DETECTIONS))
        polygons = [project(found.geometry, WGS84, grid.epsg) for found in detections]
    acquisition_picture(
        out,
        str(acquisition_id),
        reflectance[[bands.index(band) for band in ("red", "green", "blue")]],
        cloud[0],
        tulip,
        polygons,
        grid,
        simulated=acquisition_id.simulated,
        threshold=cloud_threshold,
    )


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
        axes.set_facecolor(NOT_SEEN)
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
    with write_output(path) as draft:
        figure.savefig(draft, dpi=100)


def season_picture(
    path: Path,
    title: str,
    fields: Sequence[Field],
    seasons: Mapping[int, Mapping[int, SeasonVerdict]],
    *,
    simulated: bool,
) -> None:
    """Draw the fields of an area once for each season, coloured by the verdict of the season.

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
        all_verdicts = list(verdicts.values())
        blooming = sum(verdict is SeasonVerdict.BLOOMED for verdict in all_verdicts)
        unseen = sum(verdict is SeasonVerdict.NOT_SEEN for verdict in all_verdicts)
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
    with write_output(path) as draft:
        figure.savefig(draft, dpi=100)


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
    hatched.set_edgecolor(HATCH)
    hatched.set_linewidth(0)


def _outline(axes: Axes, polygon: Polygon) -> None:
    for ring in (polygon.exterior, *polygon.interiors):
        x, y = ring.xy
        axes.plot(x, y, color="black", linewidth=2.6, solid_joinstyle="round")
        axes.plot(x, y, color=_OUTLINE, linewidth=1.2, solid_joinstyle="round")


def _legend(axes: Axes, missing: str, outline: str | None = None) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    handles: list[Any] = [Patch(facecolor=NOT_SEEN, edgecolor=HATCH, hatch="///", label=missing)]
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
