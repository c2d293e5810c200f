import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing import get_context
from typing import Any

import pytest
from click.testing import CliRunner

from tulip_ops.cli.main import main
from tulip_ops.core.errors import BudgetExceeded
from tulip_ops.core.types import AcquisitionId
from tulip_ops.postgis import areas, budgets
from tulip_ops.postgis.budgets import Budget
from tulip_ops.postgis.connection import Connection

SERVICE = "sh.dataspace.copernicus.eu"
ID = AcquisitionId.parse("S2B_31UFU_20260420_0_L2A")


def spent(database: Connection) -> float:
    row = database.execute(
        "select coalesce(sum(coalesce(spent, estimated)), 0) from tulip.unit_booking"
    ).fetchone()
    assert row is not None
    return float(row[0])


def test_a_run_stops_before_its_budget_and_another_goes_on(
    database: Connection, database_url: str
) -> None:
    first = Budget(database_url, SERVICE, per_run=10, per_month=100, run_id="dag run 1")
    first.book(6, "process", ID)
    with pytest.raises(BudgetExceeded, match=r"of the 10 that a run may use, 6 are used.*PER_RUN"):
        first.book(5, "process", ID)
    first.book(4, "process", ID)
    again = Budget(database_url, SERVICE, per_run=10, per_month=100, run_id="dag run 1")
    with pytest.raises(BudgetExceeded, match="10 are used"):
        again.book(0.01, "catalog")
    Budget(database_url, SERVICE, per_run=10, per_month=100).book(5, "wms", ID)
    Budget(database_url, SERVICE, per_run=10, per_month=100).book(10, "wms", ID)
    assert spent(database) == pytest.approx(25)


def test_a_month_is_shared_by_all_runs_of_a_service_and_starts_anew(
    database: Connection, database_url: str
) -> None:
    Budget(database_url, SERVICE, per_run=50, per_month=20).book(20, "process", ID)
    other_run = Budget(database_url, SERVICE, per_run=50, per_month=20)
    with pytest.raises(BudgetExceeded, match="PER_MONTH"):
        other_run.book(0.1, "process", ID)
    Budget(database_url, "services.sentinel-hub.com", per_run=50, per_month=20).book(20, "wms")
    database.execute("update tulip.unit_booking set booked_at = booked_at - interval '32 days'")
    other_run.book(20, "process", ID)


def test_what_the_service_charged_replaces_the_estimate(
    database: Connection, database_url: str
) -> None:
    budget = Budget(database_url, SERVICE, per_run=10, per_month=10)
    booking = budget.book(8, "process", ID)
    budget.settle(booking, 2.5)
    refused = budget.book(7, "process", ID)
    budget.settle(refused, 0)
    budget.book(7.5, "process", ID)
    [month] = budgets.months(database)
    today = datetime.now(UTC).date()
    assert month == budgets.UnitMonth(SERVICE, date(today.year, today.month, 1), 3, 10.0, 1)


def test_tenths_add_up_to_their_budget(database: Connection, database_url: str) -> None:
    budget = Budget(database_url, SERVICE, per_run=1, per_month=1)
    for _ in range(10):
        budget.book(0.1, "catalog")
    with pytest.raises(BudgetExceeded):
        budget.book(0.01, "catalog")
    assert spent(database) == pytest.approx(1)


def book_all(url: str) -> int:
    """In a process of its own: how many of thirty bookings of 3 units the budget allowed."""
    budget = Budget(url, SERVICE, per_run=1000, per_month=100)

    def book(_: int) -> bool:
        try:
            budget.book(3, "process", ID)
        except BudgetExceeded:
            return False
        return True

    with ThreadPoolExecutor(3) as threads:
        return sum(threads.map(book, range(30)))


def test_processes_at_once_never_pass_the_budget_together(
    database: Connection, database_url: str
) -> None:
    with get_context("spawn").Pool(2) as processes:
        taken = processes.map(book_all, [database_url, database_url])
    assert sum(taken) == 33
    assert min(taken) > 0
    assert spent(database) == pytest.approx(99)


def test_the_command_says_what_was_used_and_what_a_season_costs(
    database: Connection, database_url: str, examples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TULIP_DATABASE_URL", database_url)
    monkeypatch.setenv("TULIP_UNITS_PER_MONTH", "500")
    areas.add_area(database, examples.area("polder", [0]))
    nothing = CliRunner().invoke(main, ["units"])
    assert "no processing units were used yet" in nothing.output
    Budget(database_url, SERVICE, per_run=50, per_month=500).book(12.5, "process", ID)
    said = CliRunner().invoke(main, ["units", "--area", "polder", "--every", "5"])
    assert said.exit_code == 0
    assert f"{SERVICE}: 12.50 of 500 units, 1 requests (1 without an answer)" in said.output
    figures = json.loads(CliRunner().invoke(main, ["units", "--every", "5", "--json"]).output)
    [season] = figures["seasons"]
    assert (season["area"], season["looks"]) == ("polder", 16)
    assert figures["months"][0]["units"] == 12.5
