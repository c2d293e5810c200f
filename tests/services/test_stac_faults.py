"""Every way in which a STAC API and its rasters can fail: named, in bounded time, nothing lost."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import MultiPolygon, box

from tests.services import providers
from tests.services.faults import Fault, FaultyProxy, placed, proxying
from tests.services.nginx import Nginx
from tests.services.stac_api import StacServer
from tulip_ops.core.errors import (
    BadData,
    BandMissing,
    ChecksumMismatch,
    CredentialRefused,
    NothingValid,
    OffsetContradiction,
    SourceUnavailable,
    TooManyRequests,
    TulipError,
    UnreadableRaster,
    WrongGrid,
)
from tulip_ops.core.settings import Settings
from tulip_ops.core.source_settings import StacApi
from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, Area
from tulip_ops.pipeline import acquire as acquiring
from tulip_ops.pipeline.context import StepContext
from tulip_ops.raster import cog
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.stac.providers import BUILT_IN
from tulip_ops.sources.stac.source import StacSource
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import REFLECTANCE

SINCE, UNTIL = date(2026, 4, 1), date(2026, 4, 30)
BOUND = 60.0
"""Seconds, on a machine that has much else to do."""
SILENCE = 3.0
IMPATIENT = {"timeout": 1.5}
"""Seconds that a slow server is silent, and that are waited for it."""
COLLECTION = "sentinel-2-c1-l2a"
ID = AcquisitionId.parse("S2B_31UFU_20260420_0_L2A")
GROUND = providers.ground(128)
AREA = Area(
    "polder",
    MultiPolygon([project(box(*GROUND.grid.bounds), GROUND.grid.epsg, WGS84).buffer(-0.001)]),
)
PATIENCE: dict[str, Any] = {
    "requests_per_second": 500, "reads_per_second": 1000,
    "attempts": 2, "timeout": 20.0, "longest_wait": 0.2,
}  # fmt: skip


@dataclass
class Scene:
    """One scene behind two proxies, and where a fault finds it."""

    server: StacServer
    catalog: FaultyProxy
    """In front of the API."""
    rasters: FaultyProxy
    """In front of the web server."""
    folder: Path
    item: dict[str, Any]

    def source(self, **changes: object) -> StacSource:
        update = {"url": self.catalog.url, **PATIENCE, **changes}
        return StacSource("earth-search", BUILT_IN["earth-search"].model_copy(update=update))

    def publish(self) -> None:
        self.server.put_items([self.item])

    def band(self, name: str) -> Path:
        return self.folder / f"{providers.NUMBERS[name]}.tif"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> providers.Files:
    return providers.write_cogs(tmp_path_factory.mktemp("pristine"), "", GROUND, added=1000)


@pytest.fixture
def scene(
    stac_server: StacServer, web_server: Nginx, pristine: providers.Files, tmp_path: Path
) -> Iterator[Scene]:
    """A scene of its own for each test, whole and well described."""
    folder = web_server.root / f"fault-{tmp_path.name}"
    shutil.copytree(next(iter(pristine.paths.values())).parent, folder)
    stac_server.put_collection(COLLECTION)
    with proxying(stac_server.url) as catalog, proxying(web_server.url) as files:
        paths = {band: folder / path.name for band, path in pristine.paths.items()}
        there = providers.Files(f"{files.url}/{folder.name}", paths)
        item = providers.earth_search_c1(GROUND, there)
        made = Scene(stac_server, catalog, files, folder, item)
        made.publish()
        yield made


def acquire(scene: Scene, store: ProductStore, **changes: object) -> None:
    """Find the scene and acquire it, as a process of its own would."""
    source = scene.source(**changes)
    acquisition = source.find(ID)
    assert acquisition is not None
    context = StepContext(acquisition, [AREA], store, Settings(), "test")
    acquiring.acquire(context, source)


def is_whole(store: ProductStore) -> bool:
    reflectance, names, grid = cog.read_reflectance(store.product(ID, REFLECTANCE))
    assert names == BANDS
    row = round((GROUND.grid.top - grid.top) / 10)
    column = round((grid.left - GROUND.grid.left) / 10)
    height, width = grid.shape
    expected = GROUND.reflectance["red"][-row or None :, column:][:height, :width]
    return bool(np.allclose(reflectance[BANDS.index("red")], expected, atol=1.1e-4))


def fails(error: type[TulipError], work: Callable[[], object]) -> str:
    """Exactly that error, in bounded time; its message."""
    began = time.monotonic()
    with pytest.raises(error) as failure:
        work()
    assert type(failure.value) is error or error is SourceUnavailable
    assert time.monotonic() - began < BOUND
    return str(failure.value)


ANSWERS = {
    "401": (Fault(status=401), CredentialRefused),
    "403": (Fault(status=403), CredentialRefused),
    "404": (Fault(status=404), UnreadableRaster),
    "410": (Fault(status=410), UnreadableRaster),
    "429": (Fault(status=429), TooManyRequests),
    "429 with Retry-After": (Fault(status=429, headers={"Retry-After": "9"}), TooManyRequests),
    "429 until a date": (
        Fault(status=429, headers={"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}),
        TooManyRequests,
    ),
    "500": (Fault(status=500), SourceUnavailable),
    "502": (Fault(status=502), SourceUnavailable),
    "503 with Retry-After": (Fault(status=503, headers={"Retry-After": "9"}), SourceUnavailable),
    "slow": (Fault(wait=SILENCE), SourceUnavailable),
    "cut": (Fault(cut=20), SourceUnavailable),
    "cut at once": (Fault(cut=0), SourceUnavailable),
}
EACH_ERROR = ["403", "404", "429", "500", "cut"]
"""A fault for each error, and for each way to it: an answer, or a line that breaks. It is enough
where the code that tells faults apart has met all of them elsewhere."""
PASSING = ["429 with Retry-After", "500", "503 with Retry-After", "slow", "cut", "cut at once"]


def patience(name: str) -> dict[str, Any]:
    return IMPATIENT if name == "slow" else {}


def fault(name: str, path: str, *, after: int = 0, times: int | None = None) -> Fault:
    told = ANSWERS[name][0]
    return Fault(path, told.status, told.headers, told.wait, told.cut, times, after=after)


@pytest.mark.parametrize(("name", "place"), placed(ANSWERS, {"header": EACH_ERROR, "pixels": None}))
def test_a_raster_that_is_not_delivered(
    scene: Scene, tmp_path: Path, name: str, place: str
) -> None:
    store = ProductStore(str(tmp_path / "store"))
    strikes = fault(name, "B8A.tif", after=0 if place == "header" else 1)
    with scene.rasters.injecting(strikes):
        message = fails(ANSWERS[name][1], lambda: acquire(scene, store, **patience(name)))
    assert strikes.struck
    assert "B8A.tif" in message
    before = len(scene.rasters.asked)
    acquire(scene, store)
    assert is_whole(store)
    # what the first run had got, the second did not ask for
    again = {asked.path for asked in scene.rasters.asked[before:]}
    assert any("B8A" in path for path in again)
    if not issubclass(ANSWERS[name][1], BadData):  # of bad data nothing is kept
        assert len(again) < len(BANDS)


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_of_a_raster_is_sat_out(scene: Scene, tmp_path: Path, name: str) -> None:
    store = ProductStore(str(tmp_path / "store"))
    strikes = fault(name, "B04.tif", after=1, times=1)
    with scene.rasters.injecting(strikes):
        acquire(scene, store, attempts=4, **patience(name))
    assert strikes.struck == 1
    assert is_whole(store)


@pytest.mark.parametrize(("name", "path"), placed(ANSWERS, {"/": EACH_ERROR, "/search": None}))
def test_a_catalog_that_does_not_answer(scene: Scene, name: str, path: str) -> None:
    strikes = fault(name, path)
    error = SourceUnavailable if name in {"404", "410"} else ANSWERS[name][1]
    with scene.catalog.injecting(strikes):
        source = scene.source(**patience(name))
        message = fails(error, lambda: list(source.search([AREA], SINCE, UNTIL)))
    assert strikes.struck
    assert scene.catalog.url in message
    assert [found.id for found in scene.source().search([AREA], SINCE, UNTIL)] == [ID]


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_of_a_catalog_is_sat_out(scene: Scene, name: str) -> None:
    strikes = fault(name, "/search", times=1)
    with scene.catalog.injecting(strikes):
        source = scene.source(attempts=4, **patience(name))
        assert [found.id for found in source.search([AREA], SINCE, UNTIL)] == [ID]
    assert strikes.struck == 1


def test_a_server_that_is_no_stac_api_is_said(web_server: Nginx) -> None:
    (web_server.root / "page").write_text("<html>welcome</html>")
    api = BUILT_IN["earth-search"].model_copy(update={"url": f"{web_server.url}/page", **PATIENCE})
    fails(
        SourceUnavailable,
        lambda: list(StacSource("mine", api).search([AREA], SINCE, UNTIL)),
    )


def test_nothing_that_listens_is_said() -> None:
    api = StacApi(url="http://127.0.0.1:9", collections={"x": "none"}, **PATIENCE)
    message = fails(
        SourceUnavailable, lambda: list(StacSource("mine", api).search([AREA], SINCE, UNTIL))
    )
    assert "127.0.0.1:9" in message


def cut_short(scene: Scene) -> None:
    data = scene.band("red").read_bytes()
    scene.band("red").write_bytes(data[: len(data) // 2])


def cut_short_unnoticed(scene: Scene) -> None:
    cut_short(scene)
    del scene.item["assets"]["red"]["file:size"]


def empty(scene: Scene) -> None:
    scene.band("red").write_bytes(b"")


def no_raster(scene: Scene) -> None:
    scene.band("red").write_text("<html>Not here.</html>" * 200)
    del scene.item["assets"]["red"]["file:size"]


def damaged_header(scene: Scene) -> None:
    data = bytearray(scene.band("red").read_bytes())
    data[4:300] = b"\xff" * 296
    scene.band("red").write_bytes(data)


def another_size(scene: Scene) -> None:
    scene.item["assets"]["red"]["file:size"] += 1


def band_missing(scene: Scene) -> None:
    del scene.item["assets"]["swir16"]


def file_missing(scene: Scene) -> None:
    scene.band("red").unlink()


def another_crs(scene: Scene) -> None:
    rewrite(scene, epsg=32632)


def another_crs_told(scene: Scene) -> None:
    scene.item["properties"]["proj:code"] = "EPSG:32632"


def another_shape(scene: Scene) -> None:
    scene.item["assets"]["red"]["proj:shape"] = [10980, 10980]


def another_place(scene: Scene) -> None:
    scene.item["assets"]["red"]["proj:transform"][2] += 100


def nothing_measured(scene: Scene) -> None:
    for path in scene.folder.glob("*.tif"):
        name = next(band for band in BANDS if providers.NUMBERS[band] == path.stem)
        rewrite(scene, name, values=np.zeros_like(GROUND.reflectance[name], np.uint16))


def offset_missing(scene: Scene) -> None:
    for band in BANDS:
        scene.item["assets"][band]["raster:bands"][0]["offset"] = 0


def rewrite(
    scene: Scene, band: str = "red", *, epsg: int | None = None, values: np.ndarray | None = None
) -> None:
    stored = np.rint(GROUND.reflectance[band] * 1e4 + 1000).astype(np.uint16)
    providers.write_cog(
        scene.band(band), stored if values is None else values, GROUND.grid,
        providers.METRES[band], block=128, epsg=epsg,
    )  # fmt: skip
    scene.item["assets"][band].pop("file:size")


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (cut_short, ChecksumMismatch),
        (cut_short_unnoticed, UnreadableRaster),
        (empty, UnreadableRaster),
        (no_raster, UnreadableRaster),
        (damaged_header, UnreadableRaster),
        (another_size, ChecksumMismatch),
        (band_missing, BandMissing),
        (file_missing, UnreadableRaster),
        (another_crs, WrongGrid),
        (another_crs_told, WrongGrid),
        (another_shape, WrongGrid),
        (another_place, WrongGrid),
        (nothing_measured, NothingValid),
        (offset_missing, OffsetContradiction),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_bad_data(
    scene: Scene,
    pristine: providers.Files,
    tmp_path: Path,
    damage: Callable[[Scene], None],
    error: type[TulipError],
) -> None:
    store = ProductStore(str(tmp_path / "store"))
    damage(scene)
    scene.publish()
    message = fails(error, lambda: acquire(scene, store))
    assert str(ID) in message or ".tif" in message
    repair(scene, pristine)
    acquire(scene, store)
    assert is_whole(store)


def repair(scene: Scene, pristine: providers.Files) -> None:
    """Put everything right, as a provider may."""
    for path in pristine.paths.values():
        shutil.copy(path, scene.folder)
    there = {band: scene.folder / path.name for band, path in pristine.paths.items()}
    files = providers.Files(f"{scene.rasters.url}/{scene.folder.name}", there)
    scene.item = providers.earth_search_c1(GROUND, files)
    scene.publish()


def test_a_wrong_checksum_is_seen_where_files_are_fetched_whole(
    scene: Scene, pristine: providers.Files, tmp_path: Path
) -> None:
    store = ProductStore(str(tmp_path / "store"))
    data = bytearray(scene.band("red").read_bytes())
    data[-100] ^= 0xFF
    scene.band("red").write_bytes(data)
    fails(ChecksumMismatch, lambda: acquire(scene, store, verify_checksums=True))
    repair(scene, pristine)
    acquire(scene, store, verify_checksums=True)
    assert is_whole(store)


@pytest.mark.parametrize(
    ("token", "error"),
    [
        (Fault(status=403), CredentialRefused),
        (Fault(status=500), SourceUnavailable),
        (Fault(status=429), TooManyRequests),
        (Fault(cut=5), SourceUnavailable),
        (None, SourceUnavailable),
    ],
    ids=["403", "500", "429", "cut", "no token in it"],
)
def test_a_signature_that_cannot_be_had(
    scene: Scene, web_server: Nginx, tmp_path: Path, token: Fault | None, error: type[TulipError]
) -> None:
    store = ProductStore(str(tmp_path / "store"))
    place = web_server.root / f"sas-{tmp_path.name}"
    place.write_text("{}" if token is None else '{"token": "s=1", "msft:expiry": "2099-01-01"}')
    token_url = f"{scene.rasters.url}/{place.name}"
    if token is not None:
        token.path, token.struck = "/sas-", 0
        with scene.rasters.injecting(token):
            fails(error, lambda: acquire(scene, store, token_url=token_url))
    else:
        fails(error, lambda: acquire(scene, store, token_url=token_url))
    place.write_text('{"token": "s=1", "msft:expiry": "2099-01-01T00:00:00Z"}')
    acquire(scene, store, token_url=token_url)
    assert is_whole(store)


class Storm(Fault):
    """Strikes a third of all requests, each time in another way."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.kinds: list[str] = []

    def strikes(self, method: str, path: str) -> bool:
        name = self.random.choice(["500", "429", "cut", "cut at once", *[""] * 8])
        if not name:
            return False
        told = ANSWERS[name][0]
        self.status, self.cut = told.status, told.cut
        self.kinds.append(name)
        return True


def test_a_storm_of_faults_loses_nothing(scene: Scene, tmp_path: Path) -> None:
    store, storm, failures = ProductStore(str(tmp_path / "store")), Storm(7), 0
    got: set[str] = set()
    with scene.rasters.injecting(storm):
        for _ in range(60):
            try:
                acquire(scene, store, longest_wait=0.01)
                break
            except SourceUnavailable:
                failures += 1
                kept = {path.name for path in (tmp_path / "store").rglob("*.npy")}
                assert got <= kept
                got = kept
        else:
            pytest.fail("it never came to an end")
    assert len(storm.kinds) > 5
    assert is_whole(store)


def test_what_is_found_is_what_there_is_however_often_it_fails(scene: Scene) -> None:
    found: list[Acquisition] = []
    storm = Storm(3)
    with scene.catalog.injecting(storm):
        for _ in range(60):
            try:
                found = list(scene.source(longest_wait=0.01).search([AREA], SINCE, UNTIL))
                assert [acquisition.id for acquisition in found] == [ID]
            except SourceUnavailable:
                continue
    assert len(storm.kinds) > 20
    assert found
