"""What goes wrong in the middle leaves the old state or the new one."""

import os
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from tests.postgis.test_history import (
    APRIL,
    EARLIER,
    LATER,
    MAY,
    SETTINGS,
    A,
    B,
    Saying,
    fields,
    record,
    roll_up,
    tables,
)
from tulip_ops.core.errors import DatabaseUnavailable
from tulip_ops.core.types import Observation
from tulip_ops.pipeline import history as histories
from tulip_ops.postgis.connection import Connection, connect
from tulip_ops.postgis.observations import Unobserved

LARGEST_FILE = 17 << 20
"""Bytes; segments of the write-ahead log have 16 MiB."""


def limit_files(pid: int) -> None:
    """Let a server process write no file larger than LARGEST_FILE."""
    owner = Path(f"/proc/{pid}").stat()
    user = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    limit = ["prlimit", f"--pid={pid}", f"--fsize={LARGEST_FILE}"]
    subprocess.run([*(user if os.geteuid() == 0 else []), *limit], check=True)


def all_but_attempts(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: found for name, found in rows.items() if name != "attempt"}


def test_two_histories_at_once_are_as_one(
    database: Connection, database_url: str, examples: Any
) -> None:
    examples.admit(database, EARLIER, APRIL, MAY)
    for text in (EARLIER, APRIL, MAY):
        record(database, examples, text, [A, B])

    def follow(_: int) -> None:
        with connect(database_url, "tests") as other:
            histories.bring_up_to_date(other, SETTINGS, [], Saying(other))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(follow, range(2)))
    both = tables(database)
    assert both["waiting"] == [(0, 0)]
    roll_up(database, rebuild=True)
    assert tables(database) == both


def test_recorders_and_histories_at_once_lose_nothing(
    database: Connection, database_url: str, examples: Any
) -> None:
    examples.admit(database, EARLIER, APRIL, MAY, LATER)

    def carry(text: str) -> None:
        with connect(database_url, "tests") as other:
            record(other, examples, text, [A, B])
            roll_up(other)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(carry, (EARLIER, APRIL, MAY, LATER)))
    outcome = tables(database)
    assert len(outcome["looks"]) == 8
    assert outcome["waiting"] == [(0, 0)]
    roll_up(database, rebuild=True)
    assert tables(database) == outcome


def test_a_history_that_is_killed_leaves_the_old_state(
    database: Connection, database_url: str, examples: Any, dump: Any
) -> None:
    examples.admit(database, APRIL, MAY)
    record(database, examples, APRIL, [A])
    roll_up(database)
    record(database, examples, MAY, [A, B])
    before = dump(database)

    class Killed(Saying):
        def observations(self, unobserved: Sequence[Unobserved]) -> list[Observation]:
            assert unobserved  # detections are joined by now, in this transaction
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

    child = os.fork()
    if not child:
        try:
            with connect(database_url, "tests") as other:
                histories.bring_up_to_date(other, SETTINGS, [], Killed(other))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert dump(database) == before
    roll_up(database)
    assert len(fields(database)) == 2


def test_files_that_cannot_grow_leave_the_old_state(
    database: Connection, database_url: str, examples: Any, dump: Any
) -> None:
    """As on a full disk: the server fails to extend a file halfway through the detections."""
    examples.admit(database, APRIL)
    record(database, examples, APRIL, [A])
    before = all_but_attempts(dump(database))
    turn = np.sort(np.random.default_rng(0).uniform(0, 2 * np.pi, (1_200, 1_000)), axis=1)
    shapes = [
        Polygon(np.column_stack([5.7 + 0.004 * np.cos(one), 52.7 + 0.004 * np.sin(one)]))
        for one in turn
    ]
    refused = pytest.raises(DatabaseUnavailable)
    with refused, connect(database_url, "tests") as other:
        limit_files(other.info.backend_pid)
        record(other, examples, APRIL, shapes)
    assert all_but_attempts(dump(database)) == before
    record(database, examples, APRIL, [A, box(5.71, 52.70, 5.714, 52.71)])


def test_neighbours_of_a_field_that_moves_away_are_summed_up_anew(
    database: Connection, examples: Any
) -> None:
    """The field at 5.75 is drawn anew beyond the border of its neighbourhood, and then goes."""
    near, beyond = box(5.7505, 52.70, 5.7545, 52.71), box(5.7495, 52.70, 5.7535, 52.71)
    neighbour = box(5.76, 52.70, 5.764, 52.71)
    examples.admit(database, EARLIER, APRIL)
    record(database, examples, APRIL, [near])
    record(database, examples, EARLIER, [neighbour])
    for shapes in ([beyond], []):
        roll_up(database)
        record(database, examples, APRIL, shapes)
        roll_up(database)
        outcome = tables(database)
        database.execute("insert into tulip.stale (field_id, season)"
                         " select field_id, season from tulip.field_season")  # fmt: skip
        roll_up(database)
        assert tables(database) == outcome
