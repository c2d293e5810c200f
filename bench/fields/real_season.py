"""The fields that the history drew from the real season of 2016, against the masks of its parcels.

    make demo ARCHIVE=../shared/data/noordoostpolder_2016
    .tulip/venv/bin/python -m bench.fields.real_season [--picture fields.png]

Reads the database that the settings name. The masks are whole parcels. IoU is over the pixels of
both patches; a field is right if tulips grew on most of it. The picture shows the outlines over
every image, the masks dashed. Real images: `bench.networks.real_scenes.folder` says where they lie.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from shapely.geometry import Polygon

from bench.networks import real_scenes
from tulip_ops.core.settings import Settings
from tulip_ops.postgis.connection import connect
from tulip_ops.raster import rasterize
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project

EPSG = 3857
QUERY = """
select f.field_id, s.verdict, s.confidence, s.tulip_probability, s.looks_for, s.looks_against,
    s.touches_edge, s.area_m2 / 1e4, o.geometry
from tulip.field_outline o
join tulip.field_season s using (field_id, season)
join tulip.field f using (field_id)
where o.season = 2016 and not f.simulated
order by f.field_id
"""


@dataclass(frozen=True, slots=True)
class Patch:
    """Images of one place, and where tulips grew."""

    images: list[Path]
    grid: Grid
    grown: NDArray[np.bool_]


def main() -> None:
    """Print the figures and a line for each field."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--picture", type=Path, help="PNG to write")
    options = parser.parse_args()
    settings = Settings.load()
    with connect(settings.database.reader_url(), "bench") as database:
        rows = database.execute(QUERY).fetchall()
    outlines = [project(row[-1], WGS84, EPSG) for row in rows]
    patches = read_patches(real_scenes.folder() / "noordoostpolder_2016")
    grown = shares_grown(outlines, patches)
    print(
        "| field | verdict | confidence | probability | looks for, against | edge | ha | tulips |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for (number, verdict, sure, mean, yes, no, edge, hectares, _), share in zip(
        rows, grown, strict=True
    ):
        print(
            f"| {number} | {verdict} | {sure:.2f} | {mean:.2f} | {yes} for, {no} against |"
            f" {'yes' if edge else 'no'} | {hectares:.2f} | {share:.2f} |"
        )
    for patch in patches:
        print(f"\n{patch.images[0].name[:38]}: IoU {overlap(outlines, [patch]):.3f}", end="")
    print(f"\nboth patches: IoU {overlap(outlines, patches):.3f}")
    right = sum(share > 0.5 for share in grown)
    print(f"{right} of {len(outlines)} fields are right: {right / len(outlines):.2f}")
    if options.picture:
        draw(options.picture, outlines, patches)


def read_patches(folder: Path) -> list[Patch]:
    """Both patches, with masks on the grid of their images."""
    found = []
    for path in sorted(folder.glob("*_geopedia_*.tif")):
        images = sorted(folder.glob(f"{path.name.partition('_geopedia')[0]}*TRUE_COLOR.tif"))
        with rasterio.open(path) as raster:
            grid = Grid(
                EPSG, raster.transform.c, raster.transform.f, raster.width, raster.height,
                raster.transform.a,
            )  # fmt: skip
            found.append(Patch(images, grid, raster.read(1) > 127))
    return found


def overlap(outlines: Sequence[Polygon], patches: Sequence[Patch]) -> float:
    """Intersection over union of the fields and the masks, over all pixels of the patches."""
    both = either = 0
    for patch in patches:
        field = rasterize.polygons_to_labels(outlines, patch.grid) >= 0
        both += np.count_nonzero(field & patch.grown)
        either += np.count_nonzero(field | patch.grown)
    return both / either


def shares_grown(outlines: Sequence[Polygon], patches: Sequence[Patch]) -> list[float]:
    """The share of each field on which tulips grew, over the patches that show it."""
    size, right = np.zeros((2, len(outlines)))
    for patch in patches:
        labels = rasterize.polygons_to_labels(outlines, patch.grid)
        size += np.bincount(labels[labels >= 0], minlength=len(outlines))
        right += np.bincount(labels[(labels >= 0) & patch.grown], minlength=len(outlines))
    return (right / np.maximum(size, 1)).tolist()


def draw(path: Path, outlines: Sequence[Polygon], patches: Sequence[Patch]) -> None:
    """Outlines over every image, one patch a row."""
    columns = max(len(patch.images) for patch in patches)
    figure = Figure(figsize=(5 * columns, 5 * len(patches)), layout="constrained")
    axes = figure.subplots(len(patches), columns, squeeze=False)
    for row, patch in zip(axes, patches, strict=True):
        for panel in row:
            panel.set_axis_off()
        for panel, image in zip(row, patch.images, strict=False):
            draw_image(panel, image, patch, outlines)
    figure.savefig(path, dpi=80)


def draw_image(panel: Axes, image: Path, patch: Patch, outlines: Sequence[Polygon]) -> None:
    """One image with the fields in red and the mask in dashed white."""
    left, bottom, right, top = patch.grid.bounds
    with rasterio.open(image) as raster:
        pixels = np.moveaxis(raster.read([1, 2, 3]), 0, -1)
    extent = (left, right, bottom, top)
    panel.imshow(np.clip(pixels * 1.2 / 255, 0, 1), extent=extent)
    panel.contour(
        patch.grown[::-1], levels=[0.5], extent=extent, colors="white", linestyles="dashed",
        linewidths=0.8,
    )  # fmt: skip
    for outline in outlines:
        for ring in shapely.get_rings(outline):
            panel.plot(*ring.xy, color="red", linewidth=1.2)
    panel.set(xlim=(left, right), ylim=(bottom, top), title=image.stem.split("_wms_")[1][:8])


if __name__ == "__main__":
    main()
