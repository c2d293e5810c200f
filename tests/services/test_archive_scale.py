"""An archive with more items than anybody wants to ask S3 for one by one."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from shapely.geometry import MultiPolygon, box

from tests.services.s3 import S3, serving
from tulip_ops.core.types import AcquisitionId, Area
from tulip_ops.sources.archive import catalog
from tulip_ops.sources.archive.source import Archive
from tulip_ops.storage import stac_items
from tulip_ops.storage.object_store import ObjectStore

POLDER = Area("polder", MultiPolygon([box(5.5, 52.6, 6.0, 52.9)]))
PLACE = "s3://scenes/many"
NUMBER = 46
SPRING = date(2016, 2, 1)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "_BATCH", 10)
        patch.setattr(catalog, "_MANY", 20)
        yield server


@pytest.fixture(scope="module")
def archive(s3: S3) -> Archive:
    written = catalog.Catalog(PLACE, ObjectStore(s3.url))
    asset = stac_items.raster_asset(
        "./pixels.tif", title="Pixels", role="data", bands=("red",), epsg=32631,
        transform=(10, 0, 600000, 0, -10, 5900040), shape=(9, 9), dtype="uint16", scales=(1e-4,),
        offsets=(-0.1,), nodata=0, size=1, sha256="0" * 64,
    )  # fmt: skip
    for start in (0, 28):  # two archivists, one after the other
        with written.publishing() as publish:
            for n in range(start, min(start + 28, NUMBER)):
                publish(item(n, asset))
    return Archive(PLACE, s3.url)


def item(n: int, asset: dict[str, object]) -> dict[str, object]:
    day = date(2016, 1, 1) + timedelta(days=n)
    identity = AcquisitionId("S2A", "31UFU", day, 0, "L2A")
    sensed_at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return stac_items.scene_item(
        identity, sensed_at, box(5.5, 52.2, 7, 53.2), {"pixels": asset}, {}
    )


def search(archive: Archive, since: date, until: date) -> list[str]:
    return [str(found.id) for found in archive.search([POLDER], since, until)]


def test_all_are_found_with_few_requests(s3: S3, archive: Archive) -> None:
    s3.asked.clear()
    found = search(archive, date(2016, 1, 1), date(2026, 1, 1))
    assert len(found) == NUMBER
    # the root, the listing, the index, and what came since the index was written
    assert len(s3.asked) < 3 + 10


def test_some_are_found_with_as_many_requests(s3: S3, archive: Archive) -> None:
    s3.asked.clear()
    assert len(search(archive, SPRING, SPRING + timedelta(days=9))) == 10
    assert len(s3.asked) == 11


def test_one_is_found_with_two_requests(s3: S3, archive: Archive) -> None:
    s3.asked.clear()
    assert archive.find(AcquisitionId("S2A", "31UFU", SPRING, 0, "L2A")) is not None
    assert archive.find(AcquisitionId("S2A", "31UFU", date(2026, 1, 1), 0, "L2A")) is None
    assert len(s3.asked) == 3


def test_elsewhere_nothing_is_asked_for(s3: S3, archive: Archive) -> None:
    s3.asked.clear()
    elsewhere = Area("elsewhere", MultiPolygon([box(10, 45, 11, 46)]))
    assert list(archive.search([elsewhere], date(2016, 1, 1), date(2026, 1, 1))) == []
    assert len(s3.asked) == 1


def test_an_item_that_other_hands_changed_is_read_itself(s3: S3, archive: Archive) -> None:
    name = f"many/S2A_31UFU_{SPRING:%Y%m%d}_0_L2A/S2A_31UFU_{SPRING:%Y%m%d}_0_L2A.json"
    key = {"Bucket": "scenes", "Key": name}
    before = s3.client().get_object(**key)["Body"].read()
    moved = before.replace(b"5.5", b"9.5").replace(b"7.0", b"9.7")
    s3.client().put_object(**key, Body=moved)
    assert len(search(archive, date(2016, 1, 1), date(2026, 1, 1))) == NUMBER - 1
    s3.client().put_object(**key, Body=before)


@pytest.mark.parametrize("index", [None, b"", b"{}", b"[1]", b'{"tulip:md5": 3}'])
def test_without_its_index_an_archive_is_whole(
    s3: S3, archive: Archive, index: bytes | None
) -> None:
    key = {"Bucket": "scenes", "Key": "many/items.json"}
    before = s3.client().get_object(**key)["Body"].read()
    if index is None:
        s3.client().delete_object(**key)
    else:
        s3.client().put_object(**key, Body=index)
    assert len(search(archive, date(2016, 1, 1), date(2026, 1, 1))) == NUMBER
    s3.client().put_object(**key, Body=before)
