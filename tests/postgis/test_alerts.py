from datetime import UTC, datetime
from typing import Any

import pytest

from tulip_ops.core.revisit import Overpass
from tulip_ops.core.types import Alert
from tulip_ops.postgis import alerts, areas, overpasses, status
from tulip_ops.postgis.connection import Connection

NEWEST = datetime(2024, 4, 3, 10, 50, tzinfo=UTC)
SILENT = Alert("earth-search", "silent", None, "earth-search is silent: timed out")
STALE = Alert("copernicus", "stale", "polder", "copernicus is stale: 19 days", NEWEST)


@pytest.fixture(autouse=True)
def area(database: Connection, examples: Any) -> None:
    areas.add_area(database, examples.area())


def open_now(database: Connection) -> list[Alert]:
    return [one.alert for one in alerts.open_alerts(database)]


def test_an_alert_lasts_until_it_is_seen_gone(database: Connection) -> None:
    alerts.save_alerts(database, [SILENT, STALE], [], run_id="monday")
    assert sorted(open_now(database), key=str) == sorted([SILENT, STALE], key=str)
    again = Alert("copernicus", "stale", "polder", "copernicus is stale: 20 days", NEWEST)
    alerts.save_alerts(database, [again], [SILENT], run_id="tuesday")
    assert open_now(database) == [again]
    alerts.save_alerts(database, [SILENT], [], run_id="wednesday")
    rows = database.execute(
        "select source, run_id, ended_at is null from tulip.alert order by alert_id"
    ).fetchall()
    assert sorted(rows) == [
        ("copernicus", "monday", True),
        ("earth-search", "monday", False),
        ("earth-search", "wednesday", True),
    ]


def test_status_shows_what_lasts(database: Connection) -> None:
    alerts.save_alerts(database, [SILENT, STALE], [], run_id="monday")
    figures = status.status(database)
    assert figures["alert silent earth-search"] == SILENT.message
    assert figures["alert stale copernicus polder"] == STALE.message
    alerts.save_alerts(database, [], [SILENT, STALE], run_id="tuesday")
    assert not any(name.startswith("alert") for name in status.status(database))


def test_messages_are_one_line_without_passwords(database: Connection) -> None:
    told = Alert("mine", "refused", None, "https://me:Klompen7@example.org says\nno")
    alerts.save_alerts(database, [told], [], run_id="monday")
    assert open_now(database) == [Alert("mine", "refused", None, "https://example.org says no")]


def test_an_area_takes_its_alerts_along(database: Connection) -> None:
    alerts.save_alerts(database, [STALE, SILENT], [], run_id="monday")
    areas.remove_area(database, "polder")
    assert open_now(database) == [SILENT]


def test_overpasses_as_the_ledger_knows_them(database: Connection, examples: Any) -> None:
    texts = [
        "S2B_31UFU_20240420_0_L2A", "S2B_31UFU_20240420_1_L2A", "S2B_31UFT_20240420_0_L2A",
        "S2C_31UFU_20240422_0_L2A", "SIM_31UFU_20240423_0_L2A", "S2B_31UFU_20240410_0_L2A",
    ]  # fmt: skip
    examples.admit(database, *texts)
    since = datetime(2024, 4, 15, tzinfo=UTC)
    found = overpasses.overpasses(database, ["polder", "elsewhere"], since)
    assert found == {
        "polder": [
            Overpass(datetime(2024, 4, day, 10, 50, 31, tzinfo=UTC), platform)
            for day, platform in ((20, "S2B"), (22, "S2C"))
        ],
        "elsewhere": [],
    }
    rows = database.execute(
        "select day::text, tiles, acquisitions, recorded from tulip.overpasses order by day"
    ).fetchall()
    assert rows == [
        ("2024-04-10", ["31UFU"], 1, 0),
        ("2024-04-20", ["31UFT", "31UFU"], 3, 0),
        ("2024-04-22", ["31UFU"], 1, 0),
    ]
    assert overpasses.newest_of_sources(database, ["polder"]) == {
        ("archive", "polder"): datetime(2024, 4, 22, 10, 50, 31, tzinfo=UTC)
    }
