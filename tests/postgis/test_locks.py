from threading import Event, Thread

from tulip_ops.core.types import AcquisitionId
from tulip_ops.postgis import ledger, locks
from tulip_ops.postgis.connection import connect

HELD = AcquisitionId.parse("S2B_31UFU_20240420_0_L2A")
OTHER = AcquisitionId.parse("S2B_31UFU_20240420_1_L2A")


def test_an_acquisition_is_carried_by_one_at_a_time(database_url: str) -> None:
    got = Event()

    def carry() -> None:
        with connect(database_url, "second") as second:
            locks.hold_acquisition(second, HELD)
            got.set()

    with connect(database_url, "first") as first:
        locks.hold_acquisition(first, HELD)
        waiting = Thread(target=carry)
        waiting.start()
        assert not got.wait(1.0)
        with connect(database_url, "third") as third:
            locks.hold_acquisition(third, OTHER)
    assert got.wait(10.0)
    waiting.join()


def test_the_next_one_notes_what_was_killed(database, examples) -> None:
    examples.admit(database, str(HELD), str(OTHER))
    ledger.begin_attempt(database, HELD, "segment", "run 1")
    ledger.begin_attempt(database, OTHER, "segment", "run 2")
    assert ledger.end_killed_attempts(database, HELD) == 1
    rows = database.execute(
        "select acquisition_id, outcome, error from tulip.attempt order by attempt_id"
    ).fetchall()
    assert rows == [(str(HELD), "failed", "Killed"), (str(OTHER), None, None)]
    assert ledger.end_killed_attempts(database, HELD) == 0
