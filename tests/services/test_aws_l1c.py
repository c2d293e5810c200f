"""Level 1C as AWS keeps it, in a real S3 server, with JPEG 2000 that GDAL made."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import boto3
import numpy as np
import pytest
import rasterio.shutil
from moto.server import ThreadedMotoServer
from shapely.geometry import MultiPolygon, box, mapping

from tests.services import providers
from tests.services.faults import Fault, FaultyProxy, proxying
from tulip_ops.core.errors import (
    AcquisitionNotFound,
    CredentialRefused,
    OffsetContradiction,
    SourceUnavailable,
    UnreadableRaster,
)
from tulip_ops.core.types import BANDS, AcquisitionId, Area
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.aws_l1c import L1C
from tulip_ops.sources.read_cache import MemoryReadCache

BUCKET = "sentinel-s2-l1c"
GROUND = providers.ground(128)
AREA = Area(
    "polder",
    MultiPolygon([project(box(*GROUND.grid.bounds), GROUND.grid.epsg, WGS84).buffer(-0.001)]),
)
SINCE, UNTIL = date(2026, 3, 15), date(2026, 5, 10)
ID = AcquisitionId.parse("S2B_31UFU_20260420_0_L1C")
FOLDER = "tiles/31/U/FU/2026/4/20/0"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture(scope="module")
def client(server: str) -> Any:
    """Of the owner of the bucket."""
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """JPEG 2000 by file name, lossless, with the 1000 in their numbers."""
    folder = tmp_path_factory.mktemp("l1c")
    files = providers.write_cogs(folder, "", GROUND, added=1000)
    made = {}
    for path in files.paths.values():
        image = path.with_suffix(".jp2")
        rasterio.shutil.copy(path, image, driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES")
        made[image.name] = image.read_bytes()
    return made


@pytest.fixture
def bucket(server: str, client: Any, images: dict[str, bytes]) -> Iterator[FaultyProxy]:
    """The scene in its place, behind a proxy that notes what was asked."""
    put(client, information(GROUND))
    for name, data in images.items():
        client.put_object(Bucket=BUCKET, Key=f"{FOLDER}/{name}", Body=data)
    with proxying(server) as proxy:
        yield proxy


def put(client: Any, told: dict[str, object], folder: str = FOLDER) -> None:
    data = json.dumps(told).encode()
    client.put_object(Bucket=BUCKET, Key=f"{folder}/tileInfo.json", Body=data)


def information(published: providers.Published) -> dict[str, object]:
    return {
        "path": FOLDER,
        "timestamp": "2026-04-20T10:50:31.024Z",
        "utmZone": 31,
        "latitudeBand": "U",
        "gridSquare": "FU",
        "productName": published.product.replace("MSIL2A", "MSIL1C"),
        "tileDataGeometry": mapping(box(*published.grid.bounds)),
        "cloudyPixelPercentage": 12.5,
    }


def test_scenes_are_listed_and_read(bucket: FaultyProxy) -> None:
    source = L1C(BUCKET, bucket.url)
    [acquisition] = source.search([AREA], SINCE, UNTIL)
    assert acquisition.id == ID
    assert acquisition.bands == BANDS
    assert acquisition.baseline == "05.11"
    assert acquisition.relative_orbit == 51
    assert acquisition.provider_cloud_cover == 12.5
    assert source.find(ID) == acquisition
    assert len(source.fingerprint(acquisition)) == 64
    values, names = source.read(acquisition, GROUND.grid, MemoryReadCache())
    assert names == BANDS
    for band in ("blue", "green", "red", "nir"):
        np.testing.assert_allclose(
            values[BANDS.index(band)], GROUND.reflectance[band], atol=0.51e-4
        )
    # everything was asked for by one who agreed to pay
    assert bucket.asked
    assert all(asked.headers.get("x-amz-request-payer") == "requester" for asked in bucket.asked)


def test_days_and_places_bound_a_search(bucket: FaultyProxy) -> None:
    source = L1C(BUCKET, bucket.url)
    assert not list(source.search([AREA], date(2026, 4, 21), UNTIL))
    assert not list(source.search([AREA], SINCE, date(2026, 4, 19)))
    elsewhere = Area("elsewhere", MultiPolygon([box(8, 50, 8.1, 50.1)]))
    assert not list(source.search([elsewhere], SINCE, UNTIL))
    assert source.find(AcquisitionId.parse("S2B_31UFU_20260420_0_L2A")) is None
    assert source.find(AcquisitionId.parse("S2B_31UFU_20260419_0_L1C")) is None


def test_nothing_is_paid_for_twice(bucket: FaultyProxy) -> None:
    source = L1C(BUCKET, bucket.url)
    acquisition = source.find(ID)
    assert acquisition is not None
    upper = replace(GROUND.grid, height=64)
    lower = replace(GROUND.grid, height=64, top=GROUND.grid.top - 640)
    parts = MemoryReadCache()
    first, _ = source.read(acquisition, upper, parts)
    second, _ = source.read(acquisition, lower, MemoryReadCache())
    again, _ = source.read(acquisition, upper, parts)
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(second).all()
    ranges = [(asked.path, asked.range) for asked in bucket.asked if ".jp2" in asked.path]
    assert len(ranges) >= len(BANDS)
    assert None not in {part for _, part in ranges}
    assert len(set(ranges)) == len(ranges)


def test_the_offset_is_checked(bucket: FaultyProxy, client: Any) -> None:
    put(client, information(replace(GROUND, baseline="03.01")))
    source = L1C(BUCKET, bucket.url)
    acquisition = source.find(ID)
    assert acquisition is not None
    with pytest.raises(OffsetContradiction, match="all the same"):
        source.read(acquisition, GROUND.grid, MemoryReadCache())


def test_an_unusable_scene_hides_no_other(bucket: FaultyProxy, client: Any) -> None:
    other = FOLDER.removesuffix("/0") + "/1"
    put(client, {"productName": "S2B_MSIL2A_..."}, other)
    source = L1C(BUCKET, bucket.url)
    assert [found.id for found in source.search([AREA], SINCE, UNTIL)] == [ID]
    [problem] = source.problems
    assert f"{other}/tileInfo.json" in problem
    client.delete_object(Bucket=BUCKET, Key=f"{other}/tileInfo.json")


@pytest.mark.parametrize(
    ("damage", "error"),
    [(lambda data: data[:300], UnreadableRaster), (lambda _: b"", UnreadableRaster),
     (lambda _: None, UnreadableRaster)],
    ids=["truncated", "empty", "gone"],
)  # fmt: skip
def test_a_damaged_image_is_said(
    bucket: FaultyProxy, client: Any, damage: object, error: type[Exception]
) -> None:
    key = f"{FOLDER}/B04.jp2"
    data = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    broken = damage(data)  # type: ignore[operator]
    if broken is None:
        client.delete_object(Bucket=BUCKET, Key=key)
    else:
        client.put_object(Bucket=BUCKET, Key=key, Body=broken)
    source = L1C(BUCKET, bucket.url)
    acquisition = source.find(ID)
    assert acquisition is not None
    with pytest.raises(error, match=r"B04\.jp2"):
        source.read(acquisition, GROUND.grid, MemoryReadCache())


@pytest.mark.parametrize(("status", "error"), [(403, CredentialRefused), (500, SourceUnavailable)])
def test_a_refusal_is_said(bucket: FaultyProxy, status: int, error: type[Exception]) -> None:
    with bucket.injecting(Fault(status=status)), pytest.raises(error, match="AWS_"):
        list(L1C(BUCKET, bucket.url).search([AREA], SINCE, UNTIL))
    assert "1 UTM zones" in L1C(BUCKET, bucket.url).describe()


def test_a_scene_that_has_gone_is_said(bucket: FaultyProxy, client: Any) -> None:
    source = L1C(BUCKET, bucket.url)
    acquisition = source.find(ID)
    assert acquisition is not None
    client.delete_object(Bucket=BUCKET, Key=f"{FOLDER}/tileInfo.json")
    with pytest.raises(AcquisitionNotFound, match="tulip discover"):
        source.fingerprint(acquisition)
