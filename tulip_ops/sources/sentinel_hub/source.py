"""Sentinel Hub as a source: ten bands by the Process API, or true colour by WMS.

Both find the same acquisitions with the same ids, from the Catalog.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import shapely
from pydantic import SecretStr
from shapely.geometry import box

from tulip_ops.core import concurrency
from tulip_ops.core.errors import BadScene
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, Area
from tulip_ops.postgis.budgets import Budget
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.grid import Bounds, Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.read_cache import ReadCache
from tulip_ops.sources.sentinel_hub import items
from tulip_ops.sources.sentinel_hub import requests as hub_requests
from tulip_ops.sources.sentinel_hub.client import Access, Client
from tulip_ops.sources.sentinel_hub.service import DEPLOYMENTS, Service

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

_TILE_DEGREES = 1.05
"""More than the side of a tile, along a meridian, or along the equator."""
_MOST_STRETCHED = 80.0
"""Latitude, degrees, beyond which degrees of longitude are not taken as any shorter."""


class SentinelHub:
    """Sentinel-2 L2A, the ten bands at 10 m."""

    name = "sentinel-hub"
    bands: tuple[str, ...] = BANDS
    side = hub_requests.LARGEST_SIDE
    """Largest request, pixels a side."""

    def __init__(self, service: Service, url: str, threads: int = 2) -> None:
        """url: of the deployment. threads: requests at once; each holds its answer in memory."""
        self._service = service
        self._url = url
        self._catalog = f"{url}/api/v1/catalog/1.0.0"
        self._threads = threads
        self._problems: list[str] = []

    @property
    def problems(self) -> list[str]:
        """As `Source` says."""
        return self._problems

    def search(self, areas: Sequence[Area], since: date, until: date) -> Iterator[Acquisition]:
        """As `Source` says; `CredentialMissing`, `CredentialRefused`, `BudgetExceeded`."""
        wanted = shapely.union_all([area.geometry for area in areas])
        found = self._offered(_surroundings(areas), since, until)
        return (one for one in found if one.footprint.intersects(wanted))

    def find(self, acquisition_id: AcquisitionId) -> Acquisition | None:
        """As `Source` says; errors as `search`."""
        grid = tile_grid(acquisition_id.tile)
        tile = project(box(*grid.bounds), grid.epsg, WGS84)
        offered = self._offered([tile.bounds], acquisition_id.day, acquisition_id.day)
        return next((one for one in offered if one.id == acquisition_id), None)

    def read(
        self, acquisition: Acquisition, grid: Grid, parts: ReadCache
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """As `Source` says; errors as `search`."""
        reflectance = np.empty((len(self.bands), *grid.shape), dtype=np.float32)

        def fill(window: Grid) -> None:
            key = f"{window.left:.0f} {window.top:.0f} {window.width} {window.height}"
            values = parts.get(key)
            if values is None:
                values = self._ask(acquisition, window)
                parts.put(key, values)
            row = round((grid.top - window.top) / grid.resolution)
            column = round((window.left - grid.left) / grid.resolution)
            place = (
                slice(None),
                slice(row, row + window.height),
                slice(column, column + window.width),
            )
            reflectance[place] = values

        concurrency.for_each(fill, hub_requests.split(grid, self.side), self._threads)
        return reflectance, self.bands

    def fingerprint(self, acquisition: Acquisition) -> str:
        """As `Source` says: a product's name contains its time of processing."""
        return _digest(self.name, self._url, hub_requests.evalscript(_products(acquisition)))

    def describe(self) -> str:
        """As `Source` says; errors as `search`."""
        self._service.require_token()
        return f"{self.name} {self._url}: the OAuth client is accepted"

    def _offered(self, boxes: Iterable[Bounds], since: date, until: date) -> list[Acquisition]:
        self._problems.clear()
        granules = []
        for bounds in boxes:
            for feature in self._service.features(bounds, since, until):
                try:
                    granules.append(items.parse_item(feature, self._catalog))
                except BadScene as error:
                    self._problems.append(str(error))
        for problem in self._problems:
            log.warning("left out: %s", problem)
        return items.acquisitions(granules, self._catalog, self.name, self.bands)

    def _ask(self, acquisition: Acquisition, window: Grid) -> NDArray[np.float32]:
        """Reflectance of a window small enough for one request."""
        numbers = self._service.image(acquisition, _products(acquisition), window)
        reflectance = radiometry.decode(numbers)
        where = f"{acquisition.id} ({acquisition.href})"
        for offset in (0.0, radiometry.DN_OFFSET):  # neither left in nor subtracted twice
            radiometry.check_offset(
                reflectance, self.bands, scale=radiometry.DN_SCALE, offset=offset, name=where
            )
        return reflectance


class SentinelHubWms(SentinelHub):
    """Sentinel-2 as an 8-bit true-colour rendering, in chips of 256 pixels a side.

    Reflectance is in steps of 1 / 255 / stretch, and ends at 1 / stretch.
    """

    name = "sentinel-hub-wms"
    bands = ("blue", "green", "red")
    side = hub_requests.CHIP_SIDE

    def __init__(
        self, service: Service, url: str, threads: int = 2, *, layer: str, stretch: float
    ) -> None:
        """layer: of the WMS instance. stretch: gain of its rendering."""
        super().__init__(service, url, threads)
        self._layer = layer
        self._scale = np.float32(radiometry.true_color_scale(stretch))

    def fingerprint(self, acquisition: Acquisition) -> str:
        """As `Source` says: of the products, the layer and the stretch."""
        inputs = (self._layer, str(self._scale), *_products(acquisition))
        return _digest(self.name, self._url, *inputs)

    def describe(self) -> str:
        """As `Source` says; errors as `search`, and `BadSetting` for an unknown layer."""
        accepted = super().describe()
        self._service.require_layer(self._layer)
        return f"{accepted}, the layer {self._layer} is there"

    def _ask(self, acquisition: Acquisition, window: Grid) -> NDArray[np.float32]:
        red, green, blue, measured = self._service.chip(acquisition, self._layer, window)
        reflectance = np.stack([blue, green, red]) * self._scale
        return np.where(measured > 0, reflectance, np.float32(np.nan))


def open_sentinel_hub(name: str, settings: Settings) -> SentinelHub:
    """The source of that name, from the settings; sends no request."""
    url, token_url = DEPLOYMENTS[settings.sentinel_hub.deployment]
    access = Access(
        url=(settings.sentinel_hub.url or url).rstrip("/"),
        token_url=settings.sentinel_hub.token_url or token_url,
        client_id=_secret(settings.sentinel_hub.client_id),
        client_secret=_secret(settings.sentinel_hub.client_secret),
        instance_id=_secret(settings.sentinel_hub.instance_id),
        timeout=settings.sentinel_hub.timeout,
        attempts=settings.sentinel_hub.attempts,
        longest_wait=settings.sentinel_hub.longest_wait,
    )
    budget = Budget(
        settings.database.writer_url(),
        urlsplit(access.url).hostname or access.url,
        per_run=settings.sentinel_hub.units_per_run,
        per_month=settings.sentinel_hub.units_per_month,
        run_id=settings.execution.run_id,
    )
    service = Service(Client(access, budget))
    if name == SentinelHub.name:
        return SentinelHub(service, access.url, settings.execution.threads)
    return SentinelHubWms(
        service,
        access.url,
        settings.execution.threads,
        layer=settings.sentinel_hub.layer,
        stretch=settings.sources.true_color_stretch,
    )


def _surroundings(areas: Sequence[Area]) -> list[Bounds]:
    """Boxes, EPSG:4326, that contain every tile over the areas completely.

    They include all products of an overpass, also those outside the areas: they are numbered
    together.
    """
    boxes = []
    for area in areas:
        west, south, east, north = area.geometry.bounds
        highest = min(_MOST_STRETCHED, max(abs(south), abs(north)) + _TILE_DEGREES)
        aside = _TILE_DEGREES / math.cos(math.radians(highest))
        boxes.append(
            box(
                max(-180.0, west - aside),
                max(-90.0, south - _TILE_DEGREES),
                min(180.0, east + aside),
                min(90.0, north + _TILE_DEGREES),
            )
        )
    return [part.bounds for part in shapely.get_parts(shapely.union_all(boxes))]


def _products(acquisition: Acquisition) -> tuple[str, ...]:
    return items.products_of(acquisition.href)


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value().strip()


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
