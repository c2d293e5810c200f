"""What `tulip picture` and `tulip season-picture` draw."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from tulip_ops.core.errors import AreaNotFound, ProductMissing
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import AcquisitionId, SeasonVerdict
from tulip_ops.postgis import areas, connection, history
from tulip_ops.raster import cog
from tulip_ops.raster.grid import WGS84, project
from tulip_ops.reports import plotting
from tulip_ops.storage import vector_files
from tulip_ops.storage.product_store import open_store


def draw_seasons(area: str, settings: Settings, out: Path, *, simulated: bool) -> None:
    """Draw the fields of an area, season beside season, into a PNG.

    `AreaNotFound` if there is no such area, or no field in it has a season yet.
    """
    with connection.connect(settings.writer_url(), "tulip season-picture") as database:
        areas.get_areas(database, [area])
        rows = history.area_seasons(database, area, simulated=simulated)
    if not rows:
        raise AreaNotFound(
            f"no field of {area} has a {'simulated ' if simulated else ''}season yet;"
            " run `tulip history`, or look at the other kind with --simulated or --satellite"
        )
    fields = {field.id: field for field, _, _ in rows}
    seasons: dict[int, dict[int, SeasonVerdict]] = {}
    for field, year, verdict in rows:
        seasons.setdefault(year, {})[field.id] = verdict
    plotting.season_picture(
        out, area, list(fields.values()), dict(sorted(seasons.items())), simulated=simulated
    )


def draw(acquisition_id: AcquisitionId, settings: Settings, out: Path) -> None:
    """Draw image, cloud screen, probability and polygons of an acquisition into a PNG.

    What a skipped acquisition never got is shown as not seen. `ProductMissing` if not even its
    reflectance is there.
    """
    store = open_store(settings)
    reflectance, bands, grid = cog.read_reflectance(
        store.product(acquisition_id, "reflectance.tif")
    )
    cloud, cloud_threshold = np.full((1, *grid.shape), np.nan, np.float32), 0.5
    tulip, polygons = np.full((2, *grid.shape), np.nan, np.float32), []
    with suppress(ProductMissing):  # the picture shows how far the acquisition came
        cloud, _ = cog.read_probability(store.product(acquisition_id, "cloud.tif"))
        cloud_threshold = float(store.asset(acquisition_id, "cloud.tif")["tulip:threshold"])
        tulip, _ = cog.read_probability(store.product(acquisition_id, "tulip.tif"))
        detections = vector_files.read_detections(
            store.product(acquisition_id, "detections.parquet")
        )
        polygons = [project(found.geometry, WGS84, grid.epsg) for found in detections]
    plotting.acquisition_picture(
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
