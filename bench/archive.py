"""How long it takes to find scenes in a large archive, in a folder and in S3.

    .tulip/venv/bin/python -m bench.archive [ITEMS]

Makes an archive of ITEMS (10,000) items without pixels in a temporary folder, and the same in an
S3 server (moto) on this machine. Prints seconds, and how many times faster than reading every
item one after the other, which is what a search did before it asked names and many at once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from shapely.geometry import MultiPolygon, box

from tulip_ops.core.types import BANDS, AcquisitionId, Area
from tulip_ops.sources.archive.catalog import Catalog
from tulip_ops.sources.archive.source import Archive
from tulip_ops.sources.stac_item import parse_scene
from tulip_ops.storage import stac_items
from tulip_ops.storage.object_store import ObjectStore

AREA = Area("polder", MultiPolygon([box(5.6, 52.7, 5.7, 52.8)]))
FOOTPRINTS = {"31UFU": box(5.5, 52.2, 7.0, 53.2), "31UET": box(4.0, 51.3, 5.5, 52.3)}
FIRST = date(2016, 1, 1)
SAMPLE = 500
"""Items that are read one after the other, to know how long all would take."""


def items(number: int) -> Iterator[dict[str, object]]:
    """Two tiles, two datastrips a day, day after day."""
    for n in range(number):
        tile, day = tuple(FOOTPRINTS)[n % 2], FIRST + timedelta(days=n // 4)
        acquisition_id = AcquisitionId("S2A", tile, day, n // 2 % 2, "L2A")
        asset = stac_items.raster_asset(
            "./reflectance.tif", title="Reflectance", role="data", bands=BANDS, epsg=32631,
            transform=(10, 0, 600000, 0, -10, 5900040), shape=(10980, 10980), dtype="uint16",
            scales=(1e-4,) * len(BANDS),
            offsets=(-0.1,) * len(BANDS), nodata=0, size=10**9, sha256="0" * 64,
        )  # fmt: skip
        sensed_at = datetime(day.year, day.month, day.day, 10, 50, tzinfo=UTC)
        yield stac_items.scene_item(
            acquisition_id, sensed_at, FOOTPRINTS[tile], {"pixels": asset}, {}
        )


def write(place: str, places: ObjectStore, number: int) -> None:
    with Catalog(place, places).publishing() as publish:
        for item in items(number):
            publish(item)


def one_after_the_other(place: str, places: ObjectStore) -> int:
    links = json.loads(places.read(f"{place}/catalog.json"))["links"]
    wanted = 0
    for link in links[: SAMPLE + 1]:
        if link["rel"] == "item":
            address = f"{place}/{link['href'].removeprefix('./')}"
            scene = parse_scene(json.loads(places.read(address)), address)
            wanted += scene.footprint.intersects(AREA.geometry)
    return wanted


def timed(work: Callable[[], int]) -> tuple[float, int]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def measure(place: str, endpoint: str | None, number: int) -> None:
    places = ObjectStore(endpoint)
    write(place, places, number)
    archive = Archive(place, endpoint)
    day = FIRST + timedelta(days=number // 8)
    middle = AcquisitionId("S2A", "31UFU", day, 0, "L2A")
    sampled, _ = timed(lambda: one_after_the_other(place, places))
    before = sampled * max(1, number / SAMPLE)
    print(f"{place}: {number} items; one after the other {before:.1f} s")
    works: dict[str, Callable[[], int]] = {
        "all days": lambda: len(list(archive.search([AREA], date(2000, 1, 1), date(2100, 1, 1)))),
        "60 days": lambda: len(list(archive.search([AREA], day, day + timedelta(days=59)))),
        "one id": lambda: int(archive.find(middle) is not None),
    }
    for name, work in works.items():
        seconds, found = timed(work)
        print(f"  {name:9} {seconds:7.2f} s  {before / seconds:6.1f} x  {found} found")


@contextmanager
def s3_server() -> Iterator[str]:
    import boto3
    from moto.server import ThreadedMotoServer

    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="scenes")
    yield f"http://{host}:{port}"
    server.stop()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        measure(str(Path(folder)), None, count)
    with s3_server() as url:
        measure("s3://scenes/archive", url, count)
