"""The unmodified library against a real service over HTTP: pixels, faults, budget."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from shapely.geometry import MultiPolygon, box

from tests.services.faults import placed
from tests.services.sentinel_hub_service import Deployment, Fault, serving
from tulip_ops.core.errors import (
    BadInput,
    BadSetting,
    BudgetExceeded,
    CredentialMissing,
    CredentialRefused,
    OffsetContradiction,
    SourceUnavailable,
    TooManyRequests,
)
from tulip_ops.core.settings import Settings
from tulip_ops.core.source_settings import SentinelHubSettings, SourceSettings
from tulip_ops.core.storage_settings import DatabaseSettings
from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, Area
from tulip_ops.postgis.budgets import Budget
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.simulate import Sky, Weather, training_scene
from tulip_ops.sources.archive.source import Archive
from tulip_ops.sources.read_cache import MemoryReadCache
from tulip_ops.sources.registry import open_sources
from tulip_ops.sources.sentinel_hub.client import Access, Client
from tulip_ops.sources.sentinel_hub.service import Service
from tulip_ops.sources.sentinel_hub.source import SentinelHub, SentinelHubWms

GRID = Grid(32631, 705000.0, 5850000.0, 60, 30)
AREA = Area("polder", project(MultiPolygon([box(705200, 5849750, 705500, 5849900)]), 32631, WGS84))
APRIL = (date(2026, 4, 1), date(2026, 4, 30))
IDS = [
    "S2A_31UFU_20260422_0_L2A",
    "S2B_31UFU_20260420_0_L2A",
    "S2B_31UFU_20260420_1_L2A",
    "S2B_31UGU_20260420_0_L2A",
]
"""Two processings of an overpass, the same ground in a neighbour's name, and another overpass."""
ACQUISITION = AcquisitionId.parse(IDS[1])
ALONE = AcquisitionId.parse(IDS[0])
"""What the WMS can show: it cannot tell processings and neighbours of an overpass apart."""
SIDE = 30
"""Pixels of a window, so that GRID takes two requests."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    for seed, text in enumerate(IDS):
        identity = AcquisitionId.parse(text)
        scene = training_scene(seed, height=GRID.height, width=GRID.width, sky=Sky(Weather.CLEAR))
        pixels = scene.reflectance.copy()
        pixels[:, :10, :10] = np.nan  # outside the swath
        pixels[:, 20, 20] = -0.02
        day = identity.day
        sensed_at = datetime(day.year, day.month, day.day, 10, 50, 31, tzinfo=UTC)
        archive.add_scene(identity, sensed_at, pixels, BANDS, GRID)
    return archive


@pytest.fixture
def deployment(archive: Archive) -> Iterator[Deployment]:
    with serving(archive) as deployment:
        yield deployment


class Hub:
    """What a test needs to make sources of a deployment, and to look into its budget."""

    def __init__(self, deployment: Deployment, database_url: str) -> None:
        self.access = Access(
            deployment.url,
            deployment.token_url,
            deployment.client_id,
            deployment.client_secret,
            deployment.instance_id,
            timeout=2.0,
            attempts=3,
            longest_wait=1.0,
            pause=0.02,
        )
        self.per_run = 100.0
        self.database_url = database_url

    def service(self, **changes: Any) -> Service:
        budget = Budget(self.database_url, "a.b", per_run=self.per_run, per_month=1e9)
        return Service(Client(replace(self.access, **changes), budget))

    def l2a(self, **changes: Any) -> SentinelHub:
        source = SentinelHub(self.service(**changes), self.access.url)
        source.side = SIDE
        return source

    def wms(self, **changes: Any) -> SentinelHubWms:
        source = SentinelHubWms(
            self.service(**changes), self.access.url, layer="TRUE_COLOR", stretch=2.5
        )
        source.side = SIDE
        return source

    def booked(self) -> float:
        with psycopg.connect(self.database_url) as database:
            row = database.execute(
                "select coalesce(sum(coalesce(spent, estimated)), 0) from tulip.unit_booking"
            ).fetchone()
        assert row is not None
        return float(row[0])


@pytest.fixture
def hub(deployment: Deployment, database_url: str) -> Hub:
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("truncate tulip.unit_booking")
    return Hub(deployment, database_url)


def found(source: SentinelHub) -> Acquisition:
    acquisition = source.find(ALONE if isinstance(source, SentinelHubWms) else ACQUISITION)
    assert acquisition is not None
    return acquisition


def truth(archive: Archive, path: str, grid: Grid = GRID) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What a source that asks `path` makes of the pixels."""
    rendered = path == "/ogc/wms"
    acquisition = archive.find(ALONE if rendered else ACQUISITION)
    assert acquisition is not None
    reflectance, _ = archive.read(acquisition, grid, MemoryReadCache())
    return reflectance[:3].clip(0, 0.4) if rendered else reflectance


def rounding(path: str) -> float:
    return 0.51 / 255 / 2.5 if path == "/ogc/wms" else 1e-6


@pytest.mark.parametrize("copernicus", [True, False])
def test_the_same_acquisitions_and_pixels_as_in_the_archive(
    hub: Hub, deployment: Deployment, archive: Archive, copernicus: bool
) -> None:
    deployment.copernicus = copernicus
    deployment.page = 2
    source = hub.l2a()
    offered = list(source.search([AREA], *APRIL))
    assert [str(one.id) for one in offered] == IDS
    assert source.problems == []
    by_archive = {one.id: one for one in archive.search([AREA], *APRIL)}
    for one in offered:
        same = by_archive[one.id]
        assert (one.sensed_at, one.bands) == (same.sensed_at, same.bands)
        assert one.footprint.equals(same.footprint)
        assert (one.baseline, one.relative_orbit, one.provider_cloud_cover) == ("05.11", 51, 12.5)
    acquisition = found(source)
    assert acquisition == offered[1]
    whole = tile_grid("31UFU").window((704950, 5849650, 705650, 5850050))
    reflectance, bands = source.read(acquisition, whole, MemoryReadCache())
    assert bands == BANDS
    np.testing.assert_allclose(reflectance, truth(archive, "/process", whole), atol=1e-6)
    assert np.isnan(reflectance).any()
    assert np.nanmin(reflectance) < -0.01
    assert {one.path for one in deployment.asked if one.status != 200} == set()


def test_datastrips_are_read_as_one(hub: Hub, deployment: Deployment, tmp_path: Path) -> None:
    strips = Archive(tmp_path)
    north = training_scene(7, height=30, width=60, sky=Sky(Weather.CLEAR)).reflectance.copy()
    south = training_scene(8, height=30, width=60, sky=Sky(Weather.CLEAR)).reflectance.copy()
    expected = np.concatenate([north[:, :18], south[:, 18:]], axis=1)
    north[:, 18:], south[:, :12] = np.nan, np.nan  # both saw rows 12 to 17
    for sequence, (pixels, second) in enumerate([(north, 31), (south, 43)]):
        sensed_at = datetime(2026, 4, 20, 10, 50, second, tzinfo=UTC)
        identity = replace(ACQUISITION, sequence=sequence)
        strips.add_scene(identity, sensed_at, pixels, BANDS, GRID)
    deployment.archive = strips
    source = hub.l2a()
    [acquisition] = source.search([AREA], *APRIL)
    assert acquisition.id == ACQUISITION
    reflectance, _ = source.read(acquisition, GRID, MemoryReadCache())
    np.testing.assert_allclose(reflectance, expected, atol=1e-6)
    assert hub.booked() == pytest.approx(deployment.charged)


def test_an_id_that_is_not_there_is_not_found(hub: Hub) -> None:
    assert hub.l2a().find(AcquisitionId.parse("S2C_31UFU_20260420_0_L2A")) is None
    assert list(hub.l2a().search([AREA], date(2025, 1, 1), date(2025, 2, 1))) == []
    elsewhere = Area("elsewhere", MultiPolygon([box(5.6, 52.6, 5.62, 52.62)]))
    assert list(hub.l2a().search([elsewhere], *APRIL)) == []


@pytest.mark.parametrize("transparent", [True, False])
def test_true_color_is_brought_to_reflectance(
    hub: Hub, deployment: Deployment, archive: Archive, transparent: bool
) -> None:
    deployment.transparent = transparent
    source = SentinelHubWms(hub.service(), hub.access.url, layer="TRUE_COLOR", stretch=2.5)
    grid = replace(GRID, left=GRID.left - 2000, width=300)
    reflectance, bands = source.read(found(source), grid, MemoryReadCache())
    assert bands == ("blue", "green", "red")
    chips = [one.body for one in deployment.asked if "wms" in one.path]
    assert {(chip["WIDTH"], chip["HEIGHT"]) for chip in chips} == {("256", "30"), ("44", "30")}
    expected = truth(archive, "/ogc/wms", grid)
    if not transparent:
        expected[:, (expected == 0).all(axis=0)] = np.nan  # black as well
    np.testing.assert_allclose(reflectance, expected, atol=rounding("/ogc/wms"))


def test_a_killed_read_asks_for_nothing_twice(
    hub: Hub, deployment: Deployment, archive: Archive
) -> None:
    source, parts = hub.l2a(attempts=1), MemoryReadCache()
    acquisition = found(source)
    deployment.faults = [Fault("/process", after=1, status=503)]
    with pytest.raises(SourceUnavailable):
        source.read(acquisition, GRID, parts)
    assert deployment.served("/process") == 1
    deployment.faults = []
    reflectance, _ = hub.l2a().read(acquisition, GRID, parts)
    assert deployment.served("/process") == 2
    np.testing.assert_allclose(reflectance, truth(archive, "/process"), atol=1e-6)
    hub.l2a().read(acquisition, GRID, parts)
    assert deployment.served("/process") == 2


DAY = {"Retry-After": str(24 * 3600 * 1000)}
SHORT = {"Retry-After": "60"}

ONCE = {
    "429": Fault("", times=2, status=429, headers=SHORT),
    "429 without a word": Fault("", times=2, status=429),
    "500": Fault("", times=2, status=500),
    "503": Fault("", times=1, status=503),
    "silence": Fault("", times=1, silence=2.2),
    "cut at once": Fault("", times=1, cut=0.0),
    "cut in the middle": Fault("", times=1, cut=0.5),
    "drip": Fault("", times=1, drip=0.1),
}
"""Tokens and everything else are asked for in two ways, and these by one and the same."""


@pytest.mark.parametrize(
    ("name", "path"),
    placed(
        ONCE,
        {
            "/token": None,
            "/process": None,
            "/search": ["429", "cut in the middle"],
            "/ogc/wms": ["429", "cut in the middle"],
        },
    ),
)
def test_what_passes_is_borne(
    hub: Hub, deployment: Deployment, archive: Archive, path: str, name: str
) -> None:
    source = hub.wms() if path == "/ogc/wms" else hub.l2a()
    deployment.faults = [replace(ONCE[name], path=path)]
    started = time.monotonic()
    reflectance, _ = source.read(found(source), GRID, MemoryReadCache())
    assert time.monotonic() - started < 30
    np.testing.assert_allclose(reflectance, truth(archive, path), atol=rounding(path))
    assert hub.booked() >= deployment.charged - 1e-3


@pytest.mark.parametrize("path", ["/search", "/process"])
def test_a_token_that_expires_early_is_renewed(
    hub: Hub, deployment: Deployment, archive: Archive, path: str
) -> None:
    source = hub.l2a()
    deployment.faults = [Fault(path, times=1, expire=True)]
    reflectance, _ = source.read(found(source), GRID, MemoryReadCache())
    np.testing.assert_allclose(reflectance, truth(archive, path), atol=1e-6)
    refused = [one for one in deployment.asked if one.status == 401]
    assert 1 <= len(refused) <= 2  # both windows that were under way
    assert hub.booked() == pytest.approx(deployment.charged)


LASTING = {
    "401": (Fault("", status=401), CredentialRefused),
    "403": (Fault("", status=403), CredentialRefused),
    "400": (Fault("", status=400), BadInput),
    "404": (Fault("", status=404), BadSetting),
    "429": (Fault("", status=429, headers=SHORT), TooManyRequests),
    "429 for a day": (Fault("", status=429, headers=DAY), TooManyRequests),
    "500": (Fault("", status=500), SourceUnavailable),
    "silence": (Fault("", silence=2.2), SourceUnavailable),
    "cut at once": (Fault("", cut=0.0), SourceUnavailable),
    "cut in the middle": (Fault("", cut=0.5), SourceUnavailable),
    "drip": (Fault("", drip=0.1), SourceUnavailable),
    "garbage": (Fault("", body=b"<html>maintenance</html>"), SourceUnavailable),
    "nothing": (Fault("", body=b""), SourceUnavailable),
}
OWN = ["403", "404", "429", "cut in the middle", "garbage", "nothing"]
"""What each path decodes by itself, and one fault for each error of what is common to them. WMS
alone goes without a token, so that a 401 does not bring a new one."""


@pytest.mark.parametrize(
    ("name", "path"),
    placed(LASTING, {"/token": None, "/process": None, "/search": OWN, "/ogc/wms": ["401", *OWN]}),
)
def test_what_lasts_ends_in_one_error_in_time_and_a_later_run_completes(
    hub: Hub,
    deployment: Deployment,
    archive: Archive,
    caplog: pytest.LogCaptureFixture,
    path: str,
    name: str,
) -> None:
    fault, error = LASTING[name]
    for logger in ("tulip_ops", "urllib3", "requests", "sentinelhub", "psycopg"):
        caplog.set_level(logging.DEBUG, logger=logger)
    make = hub.wms if path == "/ogc/wms" else hub.l2a
    parts = MemoryReadCache()
    slow = fault.silence or fault.drip
    impatient = make(attempts=2, timeout=0.5 if slow else hub.access.timeout)
    reads = path in {"/process", "/ogc/wms"}
    acquisition = found(make()) if reads else None
    kept = 1 if reads and not slow else 0
    deployment.faults = [replace(fault, path=path, after=kept)]
    started = time.monotonic()
    with pytest.raises(error) as caught:
        impatient.read(acquisition or found(impatient), GRID, parts)
    assert time.monotonic() - started < 30
    assert type(caught.value) is error or error is BadInput
    shown = f"{caught.value} {caplog.text}"
    assert deployment.client_secret not in shown
    assert deployment.instance_id not in str(caught.value)
    assert not any(token in shown for token in deployment.tokens)
    struck = sum(one.fault is not None for one in deployment.asked)
    assert 0 < struck <= 2 * 2 * 2  # two windows at once, two attempts, a new token for each

    deployment.faults = []
    again = make()
    before = deployment.served(path)
    reflectance, _ = again.read(found(again), GRID, parts)
    if reads:
        assert deployment.served(path) - before == 2 - kept
    np.testing.assert_allclose(reflectance, truth(archive, path), atol=rounding(path))
    assert hub.booked() >= deployment.charged - 1e-3


def test_retry_after_is_waited_for_in_milliseconds(hub: Hub, deployment: Deployment) -> None:
    source = hub.l2a()
    deployment.faults = [Fault("/search", times=1, status=429, headers={"Retry-After": "400"})]
    found(source)
    first, second = (one.at for one in deployment.asked if "/search" in one.path)
    assert 0.4 <= second - first < 1.4


def test_tokens_are_shared_and_renewed_before_they_expire(hub: Hub, deployment: Deployment) -> None:
    deployment.token_seconds = 0.4
    source = hub.l2a()
    acquisition = found(source)
    source.read(acquisition, GRID, MemoryReadCache())
    used = deployment.served("/token")
    time.sleep(0.3)  # more than half of its life
    found(source)
    assert deployment.served("/token") == used + 1
    assert all(one.status == 200 for one in deployment.asked)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"client_id": None}, CredentialMissing, "TULIP_SH_CLIENT_ID is not set"),
        ({"client_secret": ""}, CredentialMissing, "TULIP_SH_CLIENT_SECRET is not set"),
        ({"client_secret": "wrong-hush"}, CredentialRefused, "TULIP_SH_CLIENT_SECRET"),
        ({"client_id": "wrong-hush"}, CredentialRefused, "TULIP_SH_CLIENT_ID"),
    ],
)
def test_a_credential_is_named_and_not_shown(
    hub: Hub, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        hub.l2a(**changes).describe()
    assert "hush" not in str(caught.value)
    assert hub.booked() == 0


@pytest.mark.parametrize(
    ("instance_id", "error"), [(None, CredentialMissing), ("wrong-hush", BadSetting)]
)
def test_an_instance_is_named_and_not_shown(
    hub: Hub, instance_id: str | None, error: type[Exception]
) -> None:
    source = hub.wms(instance_id=instance_id)
    with pytest.raises(error, match="TULIP_SH_INSTANCE_ID") as caught:
        source.read(found(source), GRID, MemoryReadCache())
    assert "hush" not in str(caught.value)


def test_the_wms_is_looked_at_before_it_is_needed(hub: Hub, deployment: Deployment) -> None:
    assert "the layer TRUE_COLOR is there" in hub.wms().describe()
    with pytest.raises(CredentialMissing, match="TULIP_SH_INSTANCE_ID"):
        hub.wms(instance_id=None).describe()
    with pytest.raises(BadSetting, match="TULIP_SH_INSTANCE_ID"):
        hub.wms(instance_id="wrong").describe()
    deployment.layer = "TRUE-COLOR-S2L2A"
    with pytest.raises(BadSetting, match=r"no layer TRUE_COLOR.*TULIP_SH_LAYER"):
        hub.wms().describe()


def test_what_is_booked_is_what_the_service_charged(hub: Hub, deployment: Deployment) -> None:
    source = hub.l2a()
    source.read(found(source), GRID, MemoryReadCache())
    assert hub.booked() == pytest.approx(deployment.charged)
    deployment.tells_spent = False
    hub.wms().read(found(source), GRID, MemoryReadCache())
    assert hub.booked() == pytest.approx(deployment.charged, rel=0.01)


def test_reading_stops_before_the_budget_is_passed(hub: Hub, deployment: Deployment) -> None:
    hub.per_run = 0.2  # a search, and five windows of the least that an image costs
    source, parts = hub.l2a(), MemoryReadCache()
    acquisition = found(source)
    source.side = 15
    with pytest.raises(BudgetExceeded, match="TULIP_UNITS_PER_RUN"):
        source.read(acquisition, GRID, parts)
    served = deployment.served("/process")
    assert 0 < served < 8
    assert deployment.charged <= 0.2
    hub.per_run = 100.0
    again = hub.l2a()
    again.side = 15
    again.read(acquisition, GRID, parts)
    assert deployment.served("/process") == 8


def test_the_account_s_own_quota_is_told_apart_from_a_refusal(
    hub: Hub, deployment: Deployment
) -> None:
    source = hub.l2a()
    acquisition = found(source)
    deployment.quota = deployment.charged + 0.02
    with pytest.raises(BudgetExceeded, match="account's own quota"):
        source.read(acquisition, GRID, MemoryReadCache())
    assert hub.booked() == pytest.approx(deployment.charged)


@pytest.mark.parametrize("added", [0.1, -0.1])
def test_pixels_that_contradict_their_offset_are_refused(
    hub: Hub, deployment: Deployment, added: float
) -> None:
    deployment.added = added
    source = SentinelHub(hub.service(), hub.access.url)
    with pytest.raises(OffsetContradiction, match=str(ACQUISITION)):
        source.read(found(source), GRID, MemoryReadCache())


def test_a_bad_item_never_hides_the_others(hub: Hub, deployment: Deployment) -> None:
    strange = {"id": "S2B_MSIL2A_nonsense", "properties": {}}
    deployment.strangers = [strange]
    source = hub.l2a()
    assert [str(one.id) for one in source.search([AREA], *APRIL)] == IDS
    assert len(source.problems) == 1
    assert "nonsense" in source.problems[0]


def test_the_settings_open_both_sources(hub: Hub, deployment: Deployment, archive: Archive) -> None:
    settings = Settings(
        database=DatabaseSettings(database_url=hub.database_url),
        sources=SourceSettings(order=("sentinel-hub", "sentinel-hub-wms")),
        sentinel_hub=SentinelHubSettings(
            url=f"{deployment.url}/",
            token_url=deployment.token_url,
            client_id=deployment.client_id,
            client_secret=deployment.client_secret,
            instance_id=deployment.instance_id,
        ),
    )
    sources = open_sources(settings)
    assert list(sources) == ["sentinel-hub", "sentinel-hub-wms"]
    for name, source in sources.items():
        [acquisition] = [one for one in source.search([AREA], *APRIL) if one.id == ACQUISITION]
        assert acquisition.source == name
        assert "accepted" in source.describe()
        reflectance, bands = source.read(acquisition, GRID, MemoryReadCache())
        assert reflectance.shape == (len(bands), *GRID.shape)
    fingerprints = {source.fingerprint(acquisition) for source in sources.values()}
    assert len(fingerprints) == 2


def test_no_file_is_written_and_none_is_needed(deployment: Deployment, database_url: str) -> None:
    """A pod may have no HOME that can be written."""
    program = (
        "import json, sys; from tulip_ops.core.settings import Settings;"
        "from tulip_ops.sources.registry import open_sources;"
        "print(open_sources(Settings.load())['sentinel-hub'].describe())"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/proc/1/nowhere",
        "TULIP_DATABASE_URL": database_url,
        "TULIP_SOURCES": json.dumps(["sentinel-hub"]),
        "TULIP_SH_URL": deployment.url,
        "TULIP_SH_TOKEN_URL": deployment.token_url,
        "SH_CLIENT_ID": deployment.client_id,
        "SH_CLIENT_SECRET": deployment.client_secret,
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert "accepted" in done.stdout
