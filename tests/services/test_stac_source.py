"""Searching and reading a real STAC API, whose rasters a real web server holds."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import boto3
import numpy as np
import pytest
from affine import Affine
from moto.server import ThreadedMotoServer
from shapely.geometry import MultiPolygon, box

from tests.services import providers
from tests.services.faults import Fault, FaultyProxy, proxying
from tests.services.nginx import Nginx
from tests.services.providers import Published
from tests.services.stac_api import StacServer
from tulip_ops.core.errors import (
    AcquisitionNotFound,
    BadSetting,
    CredentialMissing,
    CredentialRefused,
    OffsetContradiction,
)
from tulip_ops.core.source_settings import StacApi
from tulip_ops.core.types import BANDS, AcquisitionId, Area
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.read_cache import MemoryReadCache
from tulip_ops.sources.stac.providers import BUILT_IN
from tulip_ops.sources.stac.source import StacSource

GROUND = providers.ground()
SINCE, UNTIL = date(2026, 4, 1), date(2026, 4, 30)
AREA = Area(
    "polder",
    MultiPolygon([project(box(*GROUND.grid.bounds), GROUND.grid.epsg, WGS84).buffer(-0.002)]),
)
FAST = {"requests_per_second": 500, "reads_per_second": 1000, "timeout": 5, "longest_wait": 1}


def parse(text: str) -> AcquisitionId:
    return AcquisitionId.parse(text)


def api(name: str, url: str, **changes: object) -> StacApi:
    """A built-in configuration, with the tests' own server in the provider's place."""
    return BUILT_IN[name].model_copy(update={"url": url, **FAST, **changes})


@pytest.fixture
def stac(stac_server: StacServer) -> StacServer:
    """With the two collections of Earth Search, empty."""
    for name in ("sentinel-2-c1-l2a", "sentinel-2-l2a"):
        stac_server.put_collection(name)
    return stac_server


class Shelf:
    """Puts granules where the web server finds them, the same ones once."""

    def __init__(self, server: Nginx) -> None:
        self.server = server
        self._there: dict[tuple[int, int], tuple[Published, providers.Files]] = {}

    def put(self, published: Published, *, added: int) -> providers.Files:
        key = id(published), added
        if key not in self._there:
            place = f"stac-{len(self._there)}"
            folder, url = self.server.root / place, f"{self.server.url}/{place}"
            files = providers.write_cogs(folder, url, published, added=added)
            self._there[key] = published, files  # the first keeps the id from being used again
        return self._there[key][1]


@pytest.fixture(scope="module")
def shelf(web_server: Nginx) -> Shelf:
    return Shelf(web_server)


def on_grid(published: Published) -> np.ndarray:
    """(10, height, width): its reflectance at 10 m, by the rule for every source."""
    import rasterio

    from tulip_ops.raster import reader

    together = []
    for band in BANDS:
        values, metres = published.reflectance[band], providers.METRES[band]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "band.tif"
            with rasterio.open(
                path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
                dtype="float32", nodata=float("nan"), crs=f"EPSG:{published.grid.epsg}",
                transform=Affine(metres, 0, published.grid.left, 0, -metres, published.grid.top),
            ) as target:  # fmt: skip
                target.write(values, 1)
            together.append(reader.read_warped([(str(path), 1)], published.grid)[0])
    return np.stack(together)


def read(source: StacSource, text: str, published: Published = GROUND) -> np.ndarray:
    found = source.find(parse(text))
    assert found is not None
    values, names = source.read(found, published.grid, MemoryReadCache())
    assert names == BANDS
    return values


ID = "S2B_31UFU_20260420_0_L2A"


def test_the_first_collection_is_found_and_read(stac: StacServer, shelf: Shelf) -> None:
    stac.put_items([providers.earth_search_c1(GROUND, shelf.put(GROUND, added=1000))])
    source = StacSource("earth-search", api("earth-search", stac.url))
    [acquisition] = source.search([AREA], SINCE, UNTIL)
    assert str(acquisition.id) == ID
    assert acquisition.source == "earth-search"
    assert acquisition.href.startswith(f"{stac.url}/collections/sentinel-2-c1-l2a/items/S2B_T31UFU")
    assert acquisition.bands == BANDS
    assert acquisition.baseline == "05.11"
    assert acquisition.relative_orbit == 51
    assert acquisition.provider_cloud_cover == 12.5
    assert acquisition.footprint.covers(AREA.geometry)
    assert source.find(acquisition.id) == acquisition
    np.testing.assert_allclose(read(source, ID), on_grid(GROUND), atol=0.51e-4)


def test_the_second_collection_gives_what_the_first_lacks(stac: StacServer, shelf: Shelf) -> None:
    files = shelf.put(GROUND, added=0)
    later = replace(
        GROUND,
        sensed_at=GROUND.sensed_at + timedelta(days=5),
        datatake="20260425T105019",
        datastrip="20260425T105021",
        generated="20260425T131500",
    )
    stac.put_items(
        [
            providers.earth_search_c1(GROUND, files),
            providers.earth_search_l2a(GROUND, files, applied=True),
            providers.earth_search_l2a(later, files, applied=True),
        ]
    )
    source = StacSource("earth-search", api("earth-search", stac.url))
    first, second = source.search([AREA], SINCE, UNTIL)
    assert str(first.id) == ID
    assert "/sentinel-2-c1-l2a/" in first.href
    assert str(second.id) == "S2B_31UFU_20260425_0_L2A"
    assert "/sentinel-2-l2a/" in second.href


def test_days_and_places_bound_a_search(stac: StacServer, shelf: Shelf) -> None:
    stac.put_items([providers.earth_search_c1(GROUND, shelf.put(GROUND, added=1000))])
    source = StacSource("earth-search", api("earth-search", stac.url))
    on_the_day = date(2026, 4, 20)
    assert len(list(source.search([AREA], on_the_day, on_the_day))) == 1
    assert not list(source.search([AREA], date(2026, 4, 21), UNTIL))
    assert not list(source.search([AREA], SINCE, date(2026, 4, 19)))
    elsewhere = Area("elsewhere", MultiPolygon([box(8, 50, 8.1, 50.1)]))
    assert not list(source.search([elsewhere], SINCE, UNTIL))
    assert source.find(parse("S2B_31UFU_20260421_0_L2A")) is None


def test_pages_are_followed_to_the_end(stac: StacServer, shelf: Shelf) -> None:
    files = shelf.put(GROUND, added=1000)
    days = [GROUND.sensed_at + timedelta(hours=26 * n) for n in range(120)]
    stac.put_items(
        [
            providers.earth_search_c1(
                replace(
                    GROUND,
                    sensed_at=day,
                    datatake=f"{day:%Y%m%dT%H%M%S}",
                    datastrip=f"{day:%Y%m%dT%H%M%S}",
                ),
                files,
            )
            for day in days
        ]
    )
    source = StacSource("earth-search", api("earth-search", stac.url))
    found = list(source.search([AREA], SINCE, date(2026, 12, 31)))
    assert len(found) == 120
    assert found == sorted(found, key=lambda acquisition: acquisition.id)


def test_two_datastrips_are_one_acquisition(stac: StacServer, shelf: Shelf) -> None:
    west = providers.without(GROUND, columns=slice(128, None))
    east = replace(
        providers.without(GROUND, columns=slice(0, 96)),
        datastrip="20260420T105311", sequence=1, cloud_cover=50.0,
    )  # fmt: skip
    stac.put_items(
        [
            providers.earth_search_l2a(west, shelf.put(west, added=0), applied=True),
            providers.earth_search_l2a(east, shelf.put(east, added=0), applied=True),
        ]
    )
    source = StacSource("earth-search", api("earth-search", stac.url))
    [acquisition] = source.search([AREA], SINCE, UNTIL)
    assert str(acquisition.id) == ID
    assert acquisition.footprint.covers(AREA.geometry)
    assert 12.5 < (acquisition.provider_cloud_cover or 0) < 50.0
    values = read(source, ID)
    # where the western one ends, its 20 m bands are interpolated from its own last pixels
    ours = np.r_[0:124, 132:256]
    np.testing.assert_allclose(values[:, :, ours], on_grid(GROUND)[:, :, ours], atol=0.51e-4)
    assert np.isfinite(values).all()


def test_reprocessed_scenes_stay_apart(stac: StacServer, shelf: Shelf) -> None:
    old = replace(GROUND, baseline="03.01", generated="20260420T120000")
    new = replace(GROUND, baseline="05.11", generated="20260601T120000", sequence=1)
    stac.put_items(
        [
            providers.earth_search_l2a(old, shelf.put(old, added=0), applied=False, offset=0),
            providers.earth_search_l2a(new, shelf.put(new, added=1000), applied=False),
        ]
    )
    source = StacSource("earth-search", api("earth-search", stac.url))
    first, second = source.search([AREA], SINCE, UNTIL)
    assert [str(first.id), str(second.id)] == [ID, "S2B_31UFU_20260420_1_L2A"]
    assert (first.baseline, second.baseline) == ("03.01", "05.11")
    assert source.fingerprint(first) != source.fingerprint(second)
    # and both radiometric baselines mean the same reflectance
    np.testing.assert_allclose(read(source, str(first.id)), read(source, str(second.id)), atol=1e-7)


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("added", [0, 1000])
def test_mislabelled_scenes_of_the_second_collection_are_read_right(
    stac: StacServer, shelf: Shelf, *, added: int, applied: bool
) -> None:
    item = providers.earth_search_l2a(GROUND, shelf.put(GROUND, added=added), applied=applied)
    stac.put_items([item])
    source = StacSource("earth-search", api("earth-search", stac.url))
    np.testing.assert_allclose(read(source, ID), on_grid(GROUND), atol=0.51e-4)


@pytest.mark.parametrize(("added", "offset"), [(0, -0.1), (1000, 0.0)])
def test_a_contradiction_in_the_first_collection_is_refused(
    stac: StacServer, shelf: Shelf, added: int, offset: float
) -> None:
    item = providers.earth_search_c1(GROUND, shelf.put(GROUND, added=added), offset=offset)
    stac.put_items([item])
    source = StacSource("earth-search", api("earth-search", stac.url))
    with pytest.raises(OffsetContradiction, match=r"S2B_31UFU_20260420_0_L2A.*DN"):
        read(source, ID)


def test_another_description_is_another_fingerprint(stac: StacServer, shelf: Shelf) -> None:
    item = providers.earth_search_c1(GROUND, shelf.put(GROUND, added=1000))
    stac.put_items([item])
    source = StacSource("earth-search", api("earth-search", stac.url))
    acquisition = source.find(parse(ID))
    assert acquisition is not None
    before = source.fingerprint(acquisition)
    assert source.fingerprint(acquisition) == before
    item["properties"]["s2:generation_time"] = "2026-05-01T00:00:00Z"
    stac.put_items([item])
    assert source.fingerprint(acquisition) != before
    stac.clear("sentinel-2-c1-l2a")
    with pytest.raises(AcquisitionNotFound, match="any more"):
        source.fingerprint(acquisition)


def test_an_unusable_item_hides_no_other(stac: StacServer, shelf: Shelf) -> None:
    good = providers.earth_search_c1(GROUND, shelf.put(GROUND, added=1000))
    bad = {**good, "id": "S2B_T31UFU_20260421T105021_L2A", "assets": {}}
    stac.put_items([good, bad])
    source = StacSource("earth-search", api("earth-search", stac.url))
    assert [str(found.id) for found in source.search([AREA], SINCE, UNTIL)] == [ID]
    [problem] = source.problems
    assert "20260421" in problem


def test_what_was_got_is_not_asked_for_again(
    stac: StacServer, shelf: Shelf, web_server: Nginx
) -> None:
    stac.put_items([providers.earth_search_c1(GROUND, shelf.put(GROUND, added=1000))])
    source = StacSource("earth-search", api("earth-search", stac.url))
    acquisition = source.find(parse(ID))
    assert acquisition is not None
    parts = MemoryReadCache()
    first, _ = source.read(acquisition, GROUND.grid, parts)
    web_server.forget()
    again, _ = source.read(acquisition, GROUND.grid, parts)
    assert web_server.asked() == []
    np.testing.assert_array_equal(first, again)


def test_requests_keep_the_limit(stac: StacServer, shelf: Shelf) -> None:
    stac.put_items([providers.earth_search_c1(GROUND, shelf.put(GROUND, added=1000))])
    with proxying(stac.url) as proxy:
        source = StacSource("earth-search", api("earth-search", proxy.url, requests_per_second=20))
        for _ in range(4):
            assert source.find(parse(ID)) is not None
        times = [asked.at for asked in proxy.asked]
        assert len(times) >= 5
        assert times[-1] - times[0] > 0.8 * (len(times) - 1) / 20  # they may arrive late


@pytest.fixture
def planetary(stac: StacServer, shelf: Shelf, web_server: Nginx) -> Iterator[FaultyProxy]:
    """Rasters that are refused without a token."""
    with proxying(web_server.url) as proxy:
        files = shelf.put(GROUND, added=1000)
        files = replace(files, base=files.base.replace(web_server.url, proxy.url))
        stac.put_items([providers.planetary_computer(GROUND, files)])
        (web_server.root / "sas").mkdir(exist_ok=True)
        (web_server.root / "sas" / "sentinel-2-l2a").write_text(
            '{"token": "st=1&sig=SECRET", "msft:expiry": "2099-01-01T00:00:00Z"}'
        )
        with proxy.injecting(Fault(path=".tif", status=403, unless="?st=1&sig=SECRET")):
            yield proxy


def test_planetary_computer_is_signed_for(
    stac: StacServer, planetary: FaultyProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="tulip_ops")
    caplog.set_level("INFO")
    source = StacSource(
        "planetary-computer",
        api("planetary-computer", stac.url, token_url=f"{planetary.url}/sas/{{collection}}"),
    )
    np.testing.assert_allclose(read(source, ID), on_grid(GROUND), atol=0.51e-4)
    assert sum("/sas/" in asked.path for asked in planetary.asked) == 1
    assert "SECRET" not in caplog.text
    assert "a scene of 2026-04-20 can be read" in source.describe()


def test_a_refusal_names_the_setting_and_not_the_signature(
    stac: StacServer, planetary: FaultyProxy
) -> None:
    planetary.faults = [Fault(path=".tif", status=403)]
    source = StacSource(
        "planetary-computer",
        api("planetary-computer", stac.url, token_url=f"{planetary.url}/sas/{{collection}}"),
    )
    with pytest.raises(CredentialRefused, match="TULIP_STAC_HEADERS") as refusal:
        source.describe()
    assert "SECRET" not in str(refusal.value)


def test_planetary_computer_of_before_2022_has_no_offset(
    stac: StacServer, shelf: Shelf, web_server: Nginx
) -> None:
    old = replace(GROUND, baseline="03.01")
    stac.put_items([providers.planetary_computer(old, shelf.put(old, added=0))])
    source = StacSource("planetary-computer", api("planetary-computer", stac.url, token_url=None))
    np.testing.assert_allclose(read(source, ID), on_grid(GROUND), atol=0.51e-4)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_copernicus_is_read_from_s3(stac: StacServer, shelf: Shelf, s3: str) -> None:
    files = shelf.put(GROUND, added=1000)
    client = boto3.client("s3", endpoint_url=s3)
    client.create_bucket(Bucket="eodata")
    for path in files.paths.values():
        client.upload_file(str(path), "eodata", f"{GROUND.product}/{path.name}")
    stac.put_items([providers.copernicus(GROUND, files, "eodata")])
    source = StacSource("copernicus", api("copernicus", stac.url, s3_endpoint=s3, s3_profile=None))
    np.testing.assert_allclose(read(source, ID), on_grid(GROUND), atol=0.51e-4)
    assert "can be read" in source.describe()


def test_a_missing_profile_is_named(stac: StacServer, shelf: Shelf, s3: str) -> None:
    stac.put_items([providers.copernicus(GROUND, shelf.put(GROUND, added=1000), "eodata")])
    source = StacSource("copernicus", api("copernicus", stac.url, s3_endpoint=s3))
    with pytest.raises(CredentialMissing, match="the AWS profile 'copernicus'"):
        source.describe()


def test_all_providers_give_the_same_acquisition(stac: StacServer, shelf: Shelf) -> None:
    files = shelf.put(GROUND, added=1000)
    found = []
    for name, items in {
        "earth-search": [providers.earth_search_c1(GROUND, files)],
        "planetary-computer": [providers.planetary_computer(GROUND, files)],
    }.items():
        stac.clear("sentinel-2-c1-l2a")
        stac.clear("sentinel-2-l2a")
        stac.put_items(items)
        source = StacSource(name, api(name, stac.url, token_url=None))
        [acquisition] = source.search([AREA], SINCE, UNTIL)
        found.append((replace(acquisition, source="", href=""), read(source, ID)))
    (one, ones), (other, others) = found
    assert one == other
    np.testing.assert_array_equal(ones, others)


def test_an_api_of_ones_own_works_by_configuration(stac: StacServer, shelf: Shelf) -> None:
    item = providers.earth_search_c1(GROUND, shelf.put(GROUND, added=0), offset=0)
    item["assets"] = {
        f"layer-{number}": {"href": asset["href"]}
        for number, asset in enumerate(item["assets"].values())
    }
    stac.put_items([item])
    names = {f"layer-{number}": band for number, band in enumerate(BANDS)}
    mine = StacApi.model_validate(
        {"url": stac.url, "collections": {"sentinel-2-c1-l2a": "none"}, "bands": names} | FAST
    )
    np.testing.assert_allclose(read(StacSource("mine", mine), ID), on_grid(GROUND), atol=0.51e-4)


def test_a_collection_that_is_not_there_is_said(stac: StacServer) -> None:
    wrong = api("earth-search", stac.url, collections={"sentinel-2-l3a": "declared"})
    with pytest.raises(BadSetting, match="no collection 'sentinel-2-l3a'"):
        StacSource("mine", wrong).describe()
