"""A Sentinel Hub deployment that serves the true pixels of an archive.

Tokens, Catalog, Process API and WMS as far as their documentation tells, over HTTP. Evalscripts
are carried out as they come, by a JavaScript engine; units are charged by the published rules.
"""

from __future__ import annotations

import io
import json
import math
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from py_mini_racer import MiniRacer
from rasterio.io import MemoryFile
from shapely.geometry import box, mapping

from tulip_ops.core.types import BANDS
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.archive.source import Archive
from tulip_ops.sources.read_cache import MemoryReadCache
from tulip_ops.sources.stac_item import StacScene

CATALOG = "/api/v1/catalog/1.0.0/"
NAMES = dict(
    zip("B02 B03 B04 B05 B06 B07 B08 B8A B11 B12".split(), BANDS, strict=True)  # noqa: SIM905
)
STRETCH = 2.5

JSON = Any


@dataclass
class Fault:
    """What befalls requests to `path`; the service carries them out unless it says otherwise."""

    path: str
    times: float = math.inf
    """How often it strikes."""
    after: int = 0
    """How many requests it lets pass before."""
    status: int | None = None
    """Refuse with this status, carrying nothing out."""
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = "INJECTED"
    silence: float = 0.0
    """Seconds without a byte, after which the connection is cut."""
    drip: float = 0.0
    """Seconds between one byte of the body and the next."""
    cut: float | None = None
    """Share of the body after which the connection is cut."""
    body: bytes | None = None
    """What is sent in place of the body."""
    expire: bool = False
    """Every token expires first."""

    def strikes(self, path: str) -> bool:
        if self.path not in path or self.times <= 0:
            return False
        self.after -= 1
        if self.after >= 0:
            return False
        self.times -= 1
        return True


@dataclass
class Asked:
    """A request that reached the service."""

    path: str
    body: JSON
    at: float
    """time.monotonic()."""
    status: int = 0
    """Of the answer; 0 while there is none."""
    fault: Fault | None = None


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Deployment:
    """What the service knows and does; tests change it as they like."""

    archive: Archive
    copernicus: bool = True
    """Names, paths and ids as Copernicus has them, or as the commercial deployment has them."""
    client_id: str = "the-client"
    client_secret: str = "the-client's-secret"
    instance_id: str = "0a1b2c3d-instance"
    layer: str = "TRUE_COLOR"
    transparent: bool = True
    """Whether the layer shows what was not measured as transparent, or as black."""
    token_seconds: float = 600.0
    tells_spent: bool = True
    page: int = 100
    """Most items of a page of the Catalog."""
    quota: float = math.inf
    """Units that the account has left."""
    strangers: list[JSON] = field(default_factory=list)
    """Further features that the Catalog offers."""
    added: float = 0.0
    """Added to all reflectance, as by a service that mistakes the offset."""
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    """The first one that strikes a request befalls it."""
    charged: float = 0.0
    tokens: dict[str, float] = field(default_factory=dict)
    """Until when each is good, time.monotonic()."""
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    def served(self, path: str) -> int:
        """How many requests to a path were carried out."""
        return sum(path in asked.path and asked.status == 200 for asked in self.asked)

    def note(self, asked: Asked) -> None:
        with self.lock:
            self.asked.append(asked)
            asked.fault = next((one for one in self.faults if one.strikes(asked.path)), None)


@contextmanager
def serving(archive: Archive) -> Iterator[Deployment]:
    deployment = Deployment(archive)
    server = _Server(deployment)
    deployment.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield deployment
    finally:
        deployment.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def product_name(scene: StacScene) -> str:
    """As ESA would call the scene: later sequences were processed later, and what was sensed in
    one minute belongs to one datatake."""
    made = scene.sensed_at + timedelta(days=scene.id.sequence, hours=4)
    baseline = (scene.baseline or "05.11").replace(".", "")
    return (
        f"{scene.id.platform}_MSI{scene.id.level}_{scene.sensed_at:%Y%m%dT%H%M}00_N{baseline}"
        f"_R051_T{scene.id.tile}_{made:%Y%m%dT%H%M%S}"
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.deployment = deployment

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        form = "urlencoded" in self.headers.get("Content-Type", "")
        text = data.decode()
        body = _first(parse_qs(text)) if form else json.loads(text or "{}")
        asked = Asked(parts.path, body or _first(parse_qs(parts.query)), time.monotonic())
        self.server.deployment.note(asked)
        fault = asked.fault or Fault("")
        if fault.silence:
            self.server.deployment.closing.wait(fault.silence)
            self.close_connection = True
            return
        if fault.expire:
            self.server.deployment.tokens.clear()
        headers = dict(fault.headers)
        try:
            if fault.status is not None:
                raise Refused(fault.status, fault.code, "injected")
            kind, content = self._serve(asked, headers)
            asked.status = 200
        except Refused as refused:
            asked.status = refused.status
            error = {"status": refused.status, "message": str(refused), "code": refused.code}
            kind, content = "application/json", json.dumps({"error": error}).encode()
        content = content if fault.body is None else fault.body
        self.send_response(asked.status)
        headers |= {"Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self._send(content, fault)

    def _send(self, content: bytes, fault: Fault) -> None:
        if fault.cut is not None:
            self.wfile.write(content[: int(len(content) * fault.cut)])
            self.close_connection = True
        elif fault.drip:
            for byte in content:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.server.deployment.closing.wait(fault.drip):
                    return
        else:
            self.wfile.write(content)

    do_GET = do_POST  # noqa: N815 - the base class calls them so

    def _serve(self, asked: Asked, headers: dict[str, str]) -> tuple[str, bytes]:
        if asked.path == "/token":
            return "application/json", _token(self.server.deployment, asked.body)
        if asked.path == f"/ogc/wms/{self.server.deployment.instance_id}":
            content, cost = _wms(self.server.deployment, asked.body)
            kind = "image/png"
        elif asked.path.startswith("/ogc/wms/"):
            raise Refused(400, "COMMON_BAD_PAYLOAD", "Invalid instance id")
        else:
            self._require_token()
            if asked.path == f"{CATALOG}search":
                content, cost = _search(self.server.deployment, asked.body)
                kind = "application/geo+json"
            elif asked.path == "/api/v1/process":
                content, cost = _process(self.server.deployment, asked.body)
                kind = "image/tiff"
            else:
                raise Refused(404, "COMMON_NOT_FOUND", "no such thing here")
        if self.server.deployment.charged + cost > self.server.deployment.quota:
            raise Refused(
                403,
                "ACCESS_INSUFFICIENT_PROCESSING_UNITS",
                "Insufficient processing units or requests available in your account.",
            )
        self.server.deployment.charged += cost
        if self.server.deployment.tells_spent:
            headers["x-processingunits-spent"] = str(cost)
        return kind, content

    def _require_token(self) -> None:
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        good_until = self.server.deployment.tokens.get(token, 0.0)
        if scheme != "Bearer" or time.monotonic() >= good_until:
            raise Refused(401, "COMMON_UNAUTHORIZED", "You are not authorized! Token expired")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def _first(fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {name: values[0] for name, values in fields.items()}


def _token(deployment: Deployment, form: Mapping[str, str]) -> bytes:
    known = (deployment.client_id, deployment.client_secret)
    if form.get("grant_type") != "client_credentials":
        raise Refused(400, "unsupported_grant_type", "Unsupported grant_type")
    if (form.get("client_id"), form.get("client_secret")) != known:
        # real services repeat what they were told
        raise Refused(401, "unauthorized_client", f"Invalid client {form.get('client_id')}")
    token = secrets.token_urlsafe()
    deployment.tokens[token] = time.monotonic() + deployment.token_seconds
    return json.dumps(
        {"access_token": token, "expires_in": deployment.token_seconds, "token_type": "Bearer"}
    ).encode()


def _search(deployment: Deployment, body: JSON) -> tuple[bytes, float]:
    assert body["collections"] == ["sentinel-2-l2a"]
    first, last = map(datetime.fromisoformat, body["datetime"].split("/"))
    wanted = box(*body["bbox"])
    scenes = [
        scene
        for scene in _scenes(deployment)
        if first <= scene.sensed_at <= last and scene.footprint.intersects(wanted)
    ]
    start, size = body.get("next", 0), min(body["limit"], deployment.page)
    context: dict[str, JSON] = {"limit": size, "returned": len(scenes[start : start + size])}
    if start + size < len(scenes):
        context["next"] = start + size
    features = [_feature(deployment, scene) for scene in scenes[start : start + size]]
    features += deployment.strangers
    document = {"type": "FeatureCollection", "features": features, "context": context}
    west, south, east, north = body["bbox"]
    degree = 111.2
    km2 = (east - west) * math.cos(math.radians((north + south) / 2)) * (north - south) * degree**2
    months = max(1, math.ceil((last - first).total_seconds() / (30 * 86400)))
    return json.dumps(document).encode(), min(1.0, max(0.01, km2 / 1e6) * months)


def _feature(deployment: Deployment, scene: StacScene) -> dict[str, JSON]:
    name = product_name(scene)
    return {
        "type": "Feature",
        "id": f"{name}.SAFE" if deployment.copernicus else name,
        "geometry": mapping(scene.footprint),
        "properties": {
            "datetime": f"{scene.sensed_at:%Y-%m-%dT%H:%M:%SZ}",
            "platform": f"sentinel-2{scene.id.platform[-1].lower()}",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "eo:cloud_cover": 12.5,
        },
        "assets": {"data": {"href": f"{_path(deployment, scene)}/", "type": "inode/directory"}},
    }


def _path(deployment: Deployment, scene: StacScene) -> str:
    day, tile = scene.id.day, scene.id.tile
    if deployment.copernicus:
        return f"s3://EODATA/Sentinel-2/MSI/L2A/{day:%Y/%m/%d}/{product_name(scene)}.SAFE"
    where = f"{int(tile[:2])}/{tile[2]}/{tile[3:]}"
    return (
        f"s3://sentinel-s2-l2a/tiles/{where}/{day.year}/{day.month}/{day.day}/{scene.id.sequence}"
    )


def _tile(deployment: Deployment, number: int, scene: StacScene) -> dict[str, JSON]:
    """What an evalscript sees of a scene: productId is the commercial deployment's alone."""
    tile: dict[str, JSON] = {
        "date": f"{scene.sensed_at:%Y-%m-%dT%H:%M:%SZ}",
        "shId": 7_000_000 + number,
        "cloudCoverage": 12.5,
        "dataPath": _path(deployment, scene),
        "__idx": number,
    }
    return tile if deployment.copernicus else {**tile, "productId": product_name(scene)}


def _process(deployment: Deployment, body: JSON) -> tuple[bytes, float]:
    output, bounds = body["output"], body["input"]["bounds"]
    [data] = body["input"]["data"]
    assert data["type"] == "sentinel-2-l2a"
    [response] = output["responses"]
    assert response["format"]["type"] == "image/tiff"
    grid = _grid(bounds["bbox"], bounds["properties"]["crs"], output["width"], output["height"])
    time_range = data["dataFilter"]["timeRange"]
    scenes = _at(deployment, grid, time_range["from"], time_range["to"])
    tiles = [_tile(deployment, number, scene) for number, scene in enumerate(scenes)]
    harmonize = data["processing"].get("harmonizeValues", True)
    with MiniRacer() as engine:
        script = _Script(engine, body["evalscript"])
        chosen = [scenes[tile["__idx"]] for tile in script.choose(tiles)]
        samples = [_samples(deployment, scene, grid, script, harmonize) for scene in chosen]
        pixels = script.evaluate(samples, grid)
    inputs = [name for name in script.bands if name != "dataMask"]
    pixel_factor = max(0.01, grid.width * grid.height / 262144)
    return _tiff(pixels, grid), pixel_factor * len(inputs) / 3 * max(1, len(chosen))


def _samples(
    deployment: Deployment, scene: StacScene, grid: Grid, script: _Script, harmonize: bool
) -> list[list[float]]:
    """For each band of the script, its values in the script's units, row by row."""
    reflectance, bands = _reflectance(deployment.archive, scene.address, grid)
    measured = np.isfinite(reflectance).all(axis=0)
    given = []
    for name, unit in zip(script.bands, script.units, strict=True):
        if name == "dataMask":
            assert unit == "DN"
            given.append(measured.astype(float).ravel().tolist())
            continue
        assert unit == "REFLECTANCE"
        values = np.where(measured, reflectance[bands.index(NAMES[name])] + deployment.added, 0.0)
        given.append((values.clip(0) if harmonize else values).ravel().tolist())
    return given


class _Script:
    """An evalscript of version 3 with TILE mosaicking and one output of UINT16."""

    def __init__(self, engine: MiniRacer, text: str) -> None:
        assert text.startswith("//VERSION=3\n")
        self._engine = engine
        self._engine.eval(text)
        setup = self._engine.call("setup")
        assert setup["mosaicking"] == "TILE"
        assert setup["output"]["sampleType"] == "UINT16"
        [inputs] = setup["input"]
        self.bands: list[str] = inputs["bands"]
        self.units: list[str] = inputs["units"]
        self._outputs: int = setup["output"]["bands"]

    def choose(self, tiles: Sequence[Mapping[str, JSON]]) -> list[dict[str, JSON]]:
        chosen = self._engine.call("preProcessScenes", {"scenes": {"tiles": tiles}})
        return list(chosen["scenes"]["tiles"])

    def evaluate(self, samples: Sequence[Sequence[Sequence[float]]], grid: Grid) -> NDArray[Any]:
        """(outputs, height, width) uint16, rounded and clamped."""
        result = self._engine.call(
            """
            (function (bands, samples, pixels) {
                const out = [];
                for (let i = 0; i < pixels; i++) {
                    const here = samples.map(values =>
                        Object.fromEntries(bands.map((band, b) => [band, values[b][i]])));
                    out.push(evaluatePixel(here));
                }
                return out;
            })
            """,
            self.bands, samples, grid.width * grid.height,
        )  # fmt: skip
        numbers = np.rint(np.array(result, dtype=float)).clip(0, 65535)
        assert numbers.shape == (grid.width * grid.height, self._outputs)
        return numbers.T.reshape(self._outputs, *grid.shape).astype(np.uint16)


def _wms(deployment: Deployment, fields: Mapping[str, str]) -> tuple[bytes, float]:
    if fields["REQUEST"] == "GetCapabilities":
        return f"<Layer><Name>{deployment.layer}</Name></Layer>".encode(), 0.0
    assert (fields["SERVICE"], fields["REQUEST"], fields["VERSION"]) == ("WMS", "GetMap", "1.3.0")
    assert fields["FORMAT"] == "image/png"
    if fields["LAYERS"] != deployment.layer:
        raise Refused(400, "COMMON_BAD_PAYLOAD", f"Layer {fields['LAYERS']} not found")
    corners = [float(edge) for edge in fields["BBOX"].split(",")]
    width, height = int(fields["WIDTH"]), int(fields["HEIGHT"])
    grid = _grid(corners, fields["CRS"], width, height)
    scenes = _at(deployment, grid, *fields["TIME"].split("/"))
    colour = np.full((3, *grid.shape), np.nan)
    for scene in scenes:
        reflectance, bands = _reflectance(deployment.archive, scene.address, grid)
        seen = reflectance[[bands.index(name) for name in ("red", "green", "blue")]]
        colour = np.where(np.isfinite(colour), colour, seen)
    measured = np.isfinite(colour).all(axis=0)
    rendered = np.rint(np.where(measured, colour * STRETCH, 0).clip(0, 1) * 255).astype(np.uint8)
    layers = [*rendered, measured.astype(np.uint8) * 255] if deployment.transparent else rendered
    file = io.BytesIO()
    Image.fromarray(np.stack(list(layers), axis=2)).save(file, "PNG")
    return file.getvalue(), max(0.01, width * height / 262144)


def _scenes(deployment: Deployment) -> list[StacScene]:
    return sorted(deployment.archive.scenes(), key=lambda scene: scene.sensed_at, reverse=True)


def _at(deployment: Deployment, grid: Grid, first: str, last: str) -> list[StacScene]:
    """Scenes sensed from `first` to `last` that reach the grid, the most recent first."""
    begin, end = (datetime.fromisoformat(text).astimezone(UTC) for text in (first, last))
    ground = project(box(*grid.bounds), grid.epsg, WGS84)
    return [
        scene
        for scene in _scenes(deployment)
        if begin <= scene.sensed_at <= end and scene.footprint.intersects(ground)
    ]


def _grid(corners: Sequence[float], crs: str, width: int, height: int) -> Grid:
    if not (1 <= width <= 2500 and 1 <= height <= 2500):
        raise Refused(400, "COMMON_BAD_PAYLOAD", "width and height must be from 1 to 2500")
    left, bottom, right, top = corners
    across, down = (right - left) / width, (top - bottom) / height
    assert math.isclose(across, down)
    [epsg] = re.findall(r"(\d+)$", crs)
    return Grid(int(epsg), left, top, width, height, across)


@cache
def _reflectance(
    archive: Archive, address: str, grid: Grid
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    scene = next(one for one in archive.scenes() if one.address == address)
    return archive.read(scene.acquisition("archive"), grid, MemoryReadCache())


def _tiff(pixels: NDArray[np.uint16], grid: Grid) -> bytes:
    with MemoryFile() as file:
        with file.open(
            driver="GTiff", width=grid.width, height=grid.height, count=len(pixels),
            dtype="uint16", crs=f"EPSG:{grid.epsg}", transform=grid.transform,
            compress="DEFLATE", interleave="pixel",
        ) as target:  # fmt: skip
            target.write(pixels)
        return bytes(file.getbuffer())
