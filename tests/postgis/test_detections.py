import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import shapely
from shapely.geometry import Polygon

from tulip_ops.core.errors import AcquisitionNotFound, DatabaseUnavailable
from tulip_ops.core.types import Detection
from tulip_ops.postgis import detections, ledger
from tulip_ops.postgis.connection import Connection, connect, transaction
from tulip_ops.postgis.detections import Season

TEXT = "S2B_31UFU_20240420_0_L2A"
SEASON = Season(2024, simulated=False)


def _shown(database: Connection) -> list[Detection]:
    return [detection for _, _, detection in detections.detections_of(database, SEASON)]


def test_detections_come_back_as_they_went(database: Connection, examples: Any) -> None:
    examples.admit(database, TEXT)
    assert examples.record(database, TEXT, [0, 1, 2]) == detections.Recorded(3, changed=True)
    assert _shown(database) == examples.shown([0, 1, 2])
    assert detections.seasons(database) == [SEASON]
    assert database.execute(
        "select distinct u.name, u.version, c.name, c.sha256, d.run_id from tulip.detection d"
        " join tulip.model u on u.model_id = unet_id"
        " join tulip.model c on c.model_id = cloud_filter_id"
    ).fetchall() == [("unet-ten", "1", "cloud-filter-ten", "b" * 64, "test")]


def test_holes_stay_holes(database: Connection, examples: Any) -> None:
    examples.admit(database, TEXT)
    outer = examples.field(0)
    holed = Polygon(outer.exterior, [outer.centroid.buffer(0.001, quad_segs=2).exterior])
    _record(database, examples, [Detection(0, holed, 1234.5, 1.0, 0.0, 0.0)], "1" * 64)
    assert _shown(database)[0].geometry == holed
    assert database.execute(
        "select st_numinteriorrings(geometry) from tulip.detection"
    ).fetchone() == (1,)


def test_the_same_again_touches_no_row(database: Connection, examples: Any, dump: Any) -> None:
    examples.admit(database, TEXT)
    examples.record(database, TEXT, [0, 1, 2])
    before = dump(database)
    assert examples.record(database, TEXT, [0, 1, 2]) == detections.Recorded(3, changed=False)
    assert dump(database) == before


def test_another_result_takes_the_place_of_the_older(database: Connection, examples: Any) -> None:
    examples.admit(database, TEXT)
    examples.record(database, TEXT, [0, 1, 2])
    assert examples.record(database, TEXT, [4], sha256="1" * 64).changed
    assert _shown(database) == examples.shown([4])


def test_an_acquisition_that_shows_nothing_is_recorded_too(
    database: Connection, examples: Any
) -> None:
    examples.admit(database, TEXT)
    assert examples.record(database, TEXT, []) == detections.Recorded(0, changed=True)
    assert examples.record(database, TEXT, []) == detections.Recorded(0, changed=False)
    entry = ledger.entry(database, examples.id(TEXT))
    assert entry is not None
    assert entry.state == "recorded"


def test_an_acquisition_nobody_knows_is_refused(database: Connection, examples: Any) -> None:
    with pytest.raises(AcquisitionNotFound, match=TEXT):
        _record(database, examples, [], "0" * 64)


@pytest.mark.parametrize(
    "bad",
    [
        Detection(1, Polygon([(5, 52), (6, 53), (6, 52), (5, 53)]), 10.0, 0.5, 0.1, 0.5),
        Detection(1, Polygon(), 10.0, 0.5, 0.1, 0.5),
        Detection(1, shapely.box(5, 52, 6, 53), 0.0, 0.5, 0.1, 0.5),
        Detection(1, shapely.box(5, 52, 6, 53), 10.0, 1.5, 0.1, 0.5),
        Detection(1, shapely.box(5, 52, 6, 53), 10.0, float("nan"), 0.1, 0.5),
        Detection(0, shapely.box(5, 52, 6, 53), 10.0, 0.5, 0.1, 0.5),
    ],
    ids=["crossing", "empty", "no area", "above one", "not a number", "ordinal twice"],
)
def test_one_bad_detection_leaves_the_older_ones(
    database: Connection, database_url: str, examples: Any, dump: Any, bad: Detection
) -> None:
    examples.admit(database, TEXT)
    examples.record(database, TEXT, [0, 1])
    before = dump(database)
    refused = pytest.raises(DatabaseUnavailable, match="refused a statement")
    with refused, connect(database_url, "tests") as connection:
        _record(connection, examples, [*examples.shown([3]), bad], "1" * 64)
    assert dump(database) == before


def test_two_writers_at_once_leave_one_whole_result(
    database: Connection, database_url: str, examples: Any
) -> None:
    examples.admit(database, TEXT)
    results = {"1" * 64: [0, 1, 2], "2" * 64: [3, 4]}
    start = Barrier(4)

    def record(sha256: str) -> bool:
        with connect(database_url, "tests") as connection:
            start.wait()
            shown = examples.shown(results[sha256])
            return _record(connection, examples, shown, sha256).changed

    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(record, ["1" * 64, "1" * 64, "2" * 64, "2" * 64]))
    entry = ledger.entry(database, examples.id(TEXT))
    assert entry is not None
    assert entry.detections_sha256 in results
    assert _shown(database) == examples.shown(results[entry.detections_sha256])
    assert sum(changed) >= 2


def test_recording_waits_for_a_history_to_end(
    database: Connection, database_url: str, examples: Any
) -> None:
    from tulip_ops.postgis.locks import lock_history

    examples.admit(database, TEXT)
    with ThreadPoolExecutor(1) as pool:
        with connect(database_url, "tests") as other, transaction(other):
            lock_history(other)
            writer = pool.submit(examples.record, database, TEXT, [0])
            with pytest.raises(TimeoutError):
                writer.result(timeout=0.5)
        assert writer.result(timeout=30).changed


KILLED = """
import sys, time
from shapely.geometry import box
from tulip_ops.core.types import AcquisitionId, Detection, ModelReference
from tulip_ops.postgis.connection import connect, transaction
from tulip_ops.postgis.detections import record_detections

with connect(sys.stdin.readline().strip(), "killed") as connection, transaction(connection):
    record_detections(
        connection, AcquisitionId.parse("S2B_31UFU_20240420_0_L2A"),
        [Detection(n, box(5 + n / 100, 52, 5.005 + n / 100, 53), 10.0, 0.5, 0.1, 0.5)
         for n in range(50)],
        unet=ModelReference("another", "2", "c" * 64),
        cloud_filter=ModelReference("another", "2", "d" * 64),
        sha256="9" * 64, run_id="killed",
    )
    copied = connection.execute("select count(*) from tulip.detection").fetchone()
    print(*copied, flush=True)
    time.sleep(60)
"""


def test_a_kill_between_copy_and_commit_leaves_the_old_state(
    database: Connection, database_url: str, examples: Any, dump: Any
) -> None:
    examples.admit(database, TEXT)
    examples.record(database, TEXT, [0, 1, 2])
    before = dump(database)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018
        process.stdin.write(f"{database_url}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "50\n"
        os.kill(process.pid, signal.SIGKILL)
    _until_gone(database, "killed")
    assert dump(database) == before
    assert examples.record(database, TEXT, [5], sha256="1" * 64).changed


def _record(
    connection: Connection, examples: Any, shown: list[Detection], sha256: str
) -> detections.Recorded:
    return detections.record_detections(
        connection, examples.id(TEXT), shown, unet=examples.unet,
        cloud_filter=examples.cloud_filter, sha256=sha256, run_id="test",
    )  # fmt: skip


def _until_gone(connection: Connection, application_name: str) -> None:
    import time

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if connection.execute(
            "select from pg_stat_activity where application_name = %s", [application_name]
        ).fetchone() is None:  # fmt: skip
            return
        time.sleep(0.05)
    raise AssertionError(f"{application_name} is still there")
