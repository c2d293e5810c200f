"""Level 1C (top of atmosphere) on AWS: JPEG 2000 in a requester-pays bucket.

There is no catalog: tiles and days are found by path, as in
tiles/31/U/FU/2026/4/20/0/B04.jp2, with tileInfo.json beside the bands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon, box, shape

from tulip_ops.core import concurrency
from tulip_ops.core.errors import AcquisitionNotFound, BadAcquisitionId, BadScene
from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, Area, processing_baseline
from tulip_ops.raster import reader
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid, tiles_over
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.raster.range_reader import CachedRangeFile, RangeFile
from tulip_ops.sources.read_cache import ReadCache
from tulip_ops.storage.object_store import ObjectStore
from tulip_ops.storage.s3_range_file import S3RangeFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FILES = dict(
    zip(BANDS, ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"), strict=True)
)
_AT_ONCE = 4
"""Bands read in parallel."""
_PRODUCT = re.compile(r"(S2[A-D])_MSIL1C_\d{8}T\d{6}_N(\d{4})_R(\d{3})_")


class L1C:
    """A source: the bucket `sentinel-s2-l1c`, or one with the same layout."""

    name = "l1c"

    def __init__(self, bucket: str, endpoint: str | None = None) -> None:
        self.problems: list[str] = []
        self._bucket = bucket
        self._places = ObjectStore(endpoint, requester_pays=True)
        self._open: tuple[str, Mapping[str, RangeFile]] = "", {}

    def search(self, areas: Sequence[Area], since: date, until: date) -> Iterator[Acquisition]:
        """As `Source` says. Asks for one listing per tile and month."""
        self.problems.clear()
        wanted = shapely.union_all([area.geometry for area in areas])
        found = {
            acquisition.id: acquisition
            for tile in tiles_over(wanted)
            for day in self._days(tile, since, until)
            for acquisition in self._of_day(tile, day)
            if acquisition.footprint.intersects(wanted)
        }
        for acquisition_id in sorted(found):
            yield found[acquisition_id]

    def find(self, acquisition_id: AcquisitionId) -> Acquisition | None:
        """As `Source` says."""
        if acquisition_id.level != "L1C":
            return None
        on_the_day = self._of_day(acquisition_id.tile, acquisition_id.day)
        return next((found for found in on_the_day if found.id == acquisition_id), None)

    def fingerprint(self, acquisition: Acquisition) -> str:
        """As `Source` says: of tileInfo.json, which names the product and its time."""
        information = self._information(acquisition.href)
        return sha256(f"l1c 1 {json.dumps(information, sort_keys=True)}".encode()).hexdigest()

    def read(
        self, acquisition: Acquisition, grid: Grid, parts: ReadCache
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """As `Source` says. Of the images only the window's blocks are fetched and paid for."""
        values = np.empty((len(BANDS), *grid.shape), dtype=np.float32)
        files = self._files(acquisition)

        def read(place: int) -> None:
            band = parts.get(BANDS[place])
            if band is None:
                band = self._read_band(files[BANDS[place]], acquisition.id, grid)
                parts.put(BANDS[place], band)
            values[place] = band

        concurrency.for_each(read, range(len(BANDS)), _AT_ONCE)
        evidence = radiometry.detect_offset(values, BANDS)
        offset = radiometry.resolve_offset(
            "baseline",
            baseline=acquisition.baseline,
            declared=None,
            subtracted=None,
            evidence=evidence,
            name=f"{acquisition.href} ({acquisition.id})",
        )
        values += np.float32(offset)
        return values, BANDS

    def describe(self) -> str:
        """As `Source` says: lists the bucket, which is charged."""
        zones = self._places.list_folders(self._address("tiles"))
        return f"{self.name} s3://{self._bucket}: {len(zones)} UTM zones, requester pays"

    def _read_band(
        self, file: RangeFile, acquisition_id: AcquisitionId, grid: Grid
    ) -> NDArray[np.float32]:
        values: NDArray[np.float32]
        [values] = reader.read_warped(
            [(file, 1)],
            grid,
            scale=radiometry.DN_SCALE,
            nodata=radiometry.DN_NODATA,
            expected=reader.ExpectedGrid(epsg=tile_grid(acquisition_id.tile).epsg),
        )
        return values

    def _files(self, acquisition: Acquisition) -> Mapping[str, RangeFile]:
        """By band; the same for every strip, because neighbouring strips share blocks."""
        scene, open_files = self._open
        if scene != acquisition.href:
            folder = acquisition.href.rpartition("/")[0]
            open_files = {
                band: CachedRangeFile(S3RangeFile(self._places, f"{folder}/{name}.jp2"))
                for band, name in _FILES.items()
            }
            self._open = acquisition.href, open_files
        return open_files

    def _days(self, tile: str, since: date, until: date) -> Iterator[date]:
        """Days of the range with objects of the tile in the bucket."""
        month = since.replace(day=1)
        while month <= until:
            listed = self._places.list_folders(
                self._address(_folder(tile, month.year, month.month))
            )
            for day in sorted(int(name) for name in listed if name.isdigit()):
                if since <= month.replace(day=day) <= until:
                    yield month.replace(day=day)
            month = (month + timedelta(days=31)).replace(day=1)

    def _of_day(self, tile: str, day: date) -> Iterator[Acquisition]:
        folder = self._address(_folder(tile, day.year, day.month, day.day))
        for sequence in sorted(filter(str.isdigit, self._places.list_folders(folder)), key=int):
            address = f"{folder}/{sequence}/tileInfo.json"
            try:
                yield self._acquisition(tile, day, int(sequence), address)
            except BadScene as error:
                self.problems.append(str(error))

    def _acquisition(self, tile: str, day: date, sequence: int, address: str) -> Acquisition:
        information = self._information(address)
        try:
            product = _PRODUCT.match(information["productName"])
            if product is None:
                raise BadScene(f"{address} names no product of Level 1C")
            identity = AcquisitionId.parse(f"{product[1]}_{tile}_{day:%Y%m%d}_{sequence}_L1C")
            return Acquisition(
                id=identity,
                sensed_at=datetime.fromisoformat(information["timestamp"]).astimezone(UTC),
                source=self.name,
                href=address,
                footprint=_footprint(information, tile),
                bands=BANDS,
                baseline=processing_baseline(product[2]),
                relative_orbit=int(product[3]),
                provider_cloud_cover=information.get("cloudyPixelPercentage"),
            )
        except (LookupError, TypeError, ValueError, BadAcquisitionId) as error:
            raise BadScene(f"{address} describes no scene ({error!r})") from error

    def _information(self, address: str) -> dict[str, Any]:
        try:
            information = json.loads(self._places.read(address))
        except FileNotFoundError as error:
            raise AcquisitionNotFound(f"{address} is not there; run `tulip discover`") from error
        except ValueError as error:
            raise BadScene(f"{address} cannot be read as JSON ({error})") from error
        if not isinstance(information, dict):
            raise BadScene(f"{address} is no JSON object")
        return information

    def _address(self, name: str) -> str:
        return f"s3://{self._bucket}/{name}"


def _folder(tile: str, *numbers: int) -> str:
    return "/".join(("tiles", tile[:2].lstrip("0"), tile[2], tile[3:], *map(str, numbers)))


def _footprint(information: Mapping[str, Any], tile: str) -> MultiPolygon:
    """Where the tile was measured; its geometry is in the tile's own UTM zone."""
    grid = tile_grid(tile)
    geometry = information.get("tileDataGeometry")
    measured = shape(geometry) if geometry else box(*grid.bounds)
    ground = shapely.make_valid(project(measured, grid.epsg, WGS84))
    return MultiPolygon([part for part in shapely.get_parts(ground) if isinstance(part, Polygon)])
