"""Steps that wait for ever, in processes of their own: they end, and say where they waited."""

import subprocess
import sys

import psycopg

from tests.conftest import NewDatabase
from tulip_ops.postgis import migrate

PRELUDE = """
import ctypes, sys, threading, time
from tulip_ops.core import watchdog
"""


def ended(code: str, patience: float = 30.0, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of a process that runs `code`."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, *arguments],
        capture_output=True, text=True, timeout=patience, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_a_native_wait_ends_with_the_stacks_of_all_threads() -> None:
    code, told = ended("""
def hanging():
    ctypes.CDLL(None).pause()
with watchdog.watch("screen of S2B_31UFU_20260420_0_L2A", 0.5):
    thread = threading.Thread(target=hanging)
    thread.start()
    thread.join()
""")
    assert code == 1
    assert " in hanging" in told
    assert told.splitlines()[-1].startswith(
        "NoProgress: screen of S2B_31UFU_20260420_0_L2A made no progress for 0.5 seconds"
    )


def test_a_wait_that_holds_pythons_lock_ends_too() -> None:
    code, told = ended("""
def hanging():
    ctypes.PyDLL(None).pause()  # unlike CDLL it keeps the lock
with watchdog.watch("screen", 0.5):
    hanging()
""")
    assert code == 1
    assert " in hanging" in told
    assert "Timeout" in told


def test_what_goes_on_is_left_alone() -> None:
    code, told = ended("""
with watchdog.watch("screen", 0.5):
    for _ in range(12):
        time.sleep(0.1)
        watchdog.tick()
with watchdog.watch("segment", 0.5):
    pass
time.sleep(1.5)
""")
    assert (code, told) == (0, "")


def test_a_report_that_hangs_or_fails_keeps_nothing_alive() -> None:
    code, told = ended("""
def report(failure):
    raise OSError("no database")
with watchdog.watch("screen", 0.3, report):
    ctypes.CDLL(None).pause()
""")
    assert code == 1
    assert "it could not be noted elsewhere (OSError: no database)" in told
    code, told = ended("""
watchdog._REPORTING = 0.5
with watchdog.watch("screen", 0.3, lambda failure: ctypes.CDLL(None).pause()):
    ctypes.CDLL(None).pause()
""")
    assert code == 1
    assert "Timeout" in told


def test_the_ledger_keeps_why_an_attempt_ended(new_database: NewDatabase) -> None:
    url = new_database()
    migrate.migrate(url)
    code, told = ended(
        """
from datetime import UTC, datetime
from pydantic import SecretStr
from shapely import MultiPolygon, box
from tulip_ops.pipeline import run
from tulip_ops.core.types import Acquisition, AcquisitionId
from tulip_ops.postgis import connection, ledger
from tulip_ops.core.processing_settings import ExecutionSettings
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings, StorageSettings

one = AcquisitionId.parse("S2B_31UFU_20260420_0_L2A")
url = sys.argv[1]
with connection.connect(url, "test") as database:
    found = Acquisition(
        id=one, source="archive", href="item.json", sensed_at=datetime(2026, 4, 20, tzinfo=UTC),
        footprint=MultiPolygon([box(4, 52, 5, 53)]), bands=("red",),
    )
    ledger.admit(database, [found], {one: []})
run.vectorize = lambda *_, **__: ctypes.CDLL(None).pause()
settings = Settings(
    database=DatabaseSettings(database_url=SecretStr(url)),
    execution=ExecutionSettings(no_progress_seconds=0.5),
    storage=StorageSettings(state=sys.argv[2]),
)
run.attempt("vectorize", one, settings, run_id="test")
""",
        60.0, url, "/nonexistent",
    )  # fmt: skip
    assert code == 1, told
    with psycopg.connect(url) as database:
        rows = database.execute(
            "select step, outcome, error, message from tulip.attempt"
        ).fetchall()
    ((step, outcome, error, message),) = rows
    assert (step, outcome, error) == ("vectorize", "failed", "NoProgress")
    assert message.startswith("vectorize of S2B_31UFU_20260420_0_L2A made no progress")


def test_a_worker_of_beam_that_hangs_in_a_network_ends() -> None:
    code, told = ended(
        """
import numpy as np
from tulip_ops.core.processing_settings import ExecutionSettings
from tulip_ops.core.settings import Settings
from tulip_ops.pipeline.beam import inference, elements
networks = inference.Networks("segment", elements.WorkerConfig(
    run_id="test", threads=1, fixed_batch=False
))
networks._settings = Settings(execution=ExecutionSettings(no_progress_seconds=0.5))
inference.Networks.__call__ = lambda *_: ctypes.CDLL(None).pause()
window = elements.WindowPixels(
    "S2B_31UFU_20260420_0_L2A", 0, "unet-rgb/3", np.zeros((3, 8, 8), "u2"))
handler = inference.KerasHandler("segment", networks._job)
handler.run_inference([window], networks)
""",
        60.0,
    )
    assert code == 1
    assert "NoProgress: segment of S2B_31UFU_20260420_0_L2A made no progress" in told
