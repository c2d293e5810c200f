"""Catalog, Process API and WMS of Sentinel Hub: the only importer of `sentinelhub`.

The library builds requests, pages through the Catalog and decodes answers. `client` decides about
timeouts and retries: by itself the library retries a 429 forever, sleeps for any Retry-After, and
waits without limit for a token, and for an answer while single bytes arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
from sentinelhub.api.catalog import SentinelHubCatalog
from sentinelhub.api.process import SentinelHubRequest
from sentinelhub.config import SHConfig
from sentinelhub.constants import CRS, MimeType, SHConstants
from sentinelhub.download.models import DownloadRequest, DownloadResponse
from sentinelhub.download.sentinelhub_client import SentinelHubDownloadClient
from sentinelhub.geometry import BBox
from shapely.geometry import box

from tulip_ops.core.errors import BadSetting, CredentialMissing, SourceUnavailable, TulipError
from tulip_ops.core.types import BANDS, Acquisition
from tulip_ops.raster.grid import Bounds, Grid
from tulip_ops.raster.projection import geodesic_area
from tulip_ops.sources.sentinel_hub import processing_units
from tulip_ops.sources.sentinel_hub import requests as hub_requests
from tulip_ops.sources.sentinel_hub.client import Charge, Client
from tulip_ops.sources.sentinel_hub.items import COLLECTION

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEPLOYMENTS = {
    "commercial": (
        "https://services.sentinel-hub.com",
        "https://services.sentinel-hub.com/auth/realms/main/protocol/openid-connect/token",
    ),
    "copernicus": (
        "https://sh.dataspace.copernicus.eu",
        "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",
    ),
}
"""Base URL and token URL by TULIP_SH_DEPLOYMENT."""

_PAGE = 100
_COLOURS = 3


class Service:
    """One deployment of Sentinel Hub. Threads may share it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        # no file: the library's own configuration would be written into HOME on first use
        self._config = SHConfig(use_defaults=True, sh_base_url=client.access.url)

    def features(self, bounds: Bounds, since: date, until: date) -> list[dict[str, Any]]:
        """Catalog features in a box (west, south, east, north, EPSG:4326) between two days.

        Errors as `Client.send` says.
        """
        price = processing_units.of_search(
            geodesic_area(box(*bounds)) / 1e6, (until - since).days + 1
        )
        catalog = SentinelHubCatalog(self._config)
        catalog.client = _Bridge(self._config, self._client, Charge(price, "catalog"))
        pages = catalog.search(
            COLLECTION,
            bbox=BBox(bounds, CRS.WGS84),
            time=(f"{since}T00:00:00Z", f"{until}T23:59:59Z"),
            limit=_PAGE,
        )
        with self._understood():
            return list(pages)

    def image(
        self, acquisition: Acquisition, products: Sequence[str], grid: Grid
    ) -> NDArray[np.uint16]:
        """The ten bands of products on a grid of at most 2500 pixels a side, by the Process API.

        (10, *grid.shape) uint16 as `radiometry.decode` reads them. Errors as `Client.send` says.
        """
        price = processing_units.of_image(
            grid.width, grid.height, len(BANDS), samples=len(products)
        )
        request = SentinelHubRequest(
            evalscript=hub_requests.evalscript(products),
            input_data=[hub_requests.input_data(acquisition.sensed_at)],
            responses=[SentinelHubRequest.output_response("default", MimeType.TIFF)],
            bbox=BBox(grid.bounds, CRS(str(grid.epsg))),
            size=(grid.width, grid.height),
            config=self._config,
        )
        charge = Charge(price, "process", acquisition.id)
        pixels = self._download(request.download_list[0], charge)
        return self._expected(pixels, (*grid.shape, len(BANDS)), np.uint16)

    def chip(self, acquisition: Acquisition, layer: str, grid: Grid) -> NDArray[np.uint8]:
        """A layer of the WMS instance for one overpass.

        (4, *grid.shape) uint8: red, green, blue, and 0 where nothing was measured. An instance
        whose layer has no transparency shows that as black. Errors as `Client.send` says, and
        `CredentialMissing` without an instance.
        """
        parameters = hub_requests.map_parameters(grid, acquisition.sensed_at, layer)
        request = DownloadRequest(
            url=f"{self._wms()}?{urlencode(parameters)}", data_type=MimeType.PNG
        )
        price = processing_units.of_image(grid.width, grid.height, _COLOURS)
        pixels = self._download(request, Charge(price, "wms", acquisition.id))
        if pixels.ndim == 3 and pixels.shape[2] == _COLOURS:
            measured = pixels.any(axis=2, keepdims=True)
            pixels = np.concatenate([pixels, measured.astype(pixels.dtype)], axis=2)
        return self._expected(pixels, (*grid.shape, _COLOURS + 1), np.uint8)

    def require_token(self) -> None:
        """Get a token, which costs nothing; errors as `Client.send` says."""
        self._client.token()

    def require_layer(self, layer: str) -> None:
        """`BadSetting` if the WMS instance has no such layer; errors as `chip` says."""
        capabilities = {"SERVICE": "WMS", "REQUEST": "GetCapabilities"}
        request = DownloadRequest(url=f"{self._wms()}?{urlencode(capabilities)}")
        # no documented cost: booked as the minimum of a request
        bridge = _Bridge(
            self._config, self._client, Charge(processing_units.of_image(1, 1, 1), "wms")
        )
        with self._understood():
            [document] = bridge.download([request], max_threads=1, decode_data=False)
        if f"<Name>{layer}</Name>".encode() not in document.content:
            raise BadSetting(
                f"the WMS instance of TULIP_SH_INSTANCE_ID has no layer {layer}; set"
                " TULIP_SH_LAYER to one that renders true colour, or add it in the dashboard"
            )

    def _wms(self) -> str:
        access = self._client.access
        if not access.instance_id:
            raise CredentialMissing(
                f"the WMS of Sentinel Hub ({access.url}) needs an instance: TULIP_SH_INSTANCE_ID is"
                " not set; make one in the deployment's dashboard, see docs/how-to/sentinel-hub.md"
            )
        return f"{access.url}/ogc/wms/{access.instance_id}"

    def _download(self, request: DownloadRequest, charge: Charge) -> NDArray[Any]:
        with self._understood():
            bridge = _Bridge(self._config, self._client, charge)
            [pixels] = bridge.download([request], max_threads=1)
            return np.asarray(pixels)

    def _expected(
        self, pixels: NDArray[Any], shape: tuple[int, int, int], dtype: type[Any]
    ) -> NDArray[Any]:
        if pixels.shape != shape or pixels.dtype != dtype:
            raise SourceUnavailable(
                f"Sentinel Hub ({self._client.access.url}) answered with {pixels.dtype} of shape"
                f" {pixels.shape} instead of {np.dtype(dtype)} of {shape}; repeat later"
            )
        return np.moveaxis(pixels, 2, 0)

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Turns the library's parsing errors into `SourceUnavailable`."""
        try:
            yield
        except TulipError:
            raise
        except Exception as error:  # decoders raise many types
            raise SourceUnavailable(
                f"Sentinel Hub ({self._client.access.url}) sent an answer that cannot be read"
                f" ({type(error).__name__}); repeat later, or check TULIP_SH_URL"
            ) from error


class _Bridge(SentinelHubDownloadClient):
    """Lets the library send its requests through our client."""

    def __init__(self, config: SHConfig, client: Client, charge: Charge) -> None:
        super().__init__(config=config)
        self._client = client
        self._charge = charge

    def _execute_download(self, request: DownloadRequest) -> DownloadResponse:
        answer = self._client.send(
            request.request_type.value,
            str(request.url),
            self._charge,
            signed=request.use_session,
            headers={**SHConstants.HEADERS, **request.headers},
            body=request.post_values,
        )
        return DownloadResponse(
            request=request,
            content=answer.content,
            headers=dict(answer.headers),
            status_code=answer.status,
            elapsed=answer.seconds,
        )
