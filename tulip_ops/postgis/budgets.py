"""The budget of processing units: booked before each request, corrected after it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from tulip_ops.core.errors import BudgetExceeded
from tulip_ops.core.types import AcquisitionId
from tulip_ops.postgis import locks
from tulip_ops.postgis.connection import Connection, connect, query, transaction

Request: TypeAlias = Literal["catalog", "process", "wms"]

_ROUNDING = 1e-9
"""Relative tolerance, so that rounding does not refuse the last unit of a budget."""


class Budget:
    """Processing units that one run may use of one service; safe for threads and processes.

    Invariant: the bookings of a run, and of a calendar month (UTC), never exceed their budget.
    """

    def __init__(
        self,
        database_url: str,
        service: str,
        *,
        per_run: float,
        per_month: float,
        run_id: str | None = None,
    ) -> None:
        """service: host that charges. run_id: None: this object counts as a run of its own."""
        self._url = database_url
        self._service = service
        self._per_run = per_run
        self._per_month = per_month
        self._run_id = run_id or f"process {uuid.uuid4()}"

    def book(
        self, units: float, request: Request, acquisition_id: AcquisitionId | None = None
    ) -> int:
        """Book units before a request is sent; returns the number of the booking.

        `BudgetExceeded` without a booking if the run or the month would exceed its budget.
        """
        with connect(self._url, "tulip units") as database, transaction(database):
            locks.lock_units(database)
            whose = {"service": self._service, "run_id": self._run_id}
            row = database.execute(query("units_used"), whose).fetchone()
            assert row is not None  # noqa: S101 - sums without groups give one row
            month, run = row
            self._require(units, run, self._per_run, "run", "TULIP_UNITS_PER_RUN")
            self._require(units, month, self._per_month, "month", "TULIP_UNITS_PER_MONTH")
            booking = {
                **whose,
                "request": request,
                "acquisition_id": None if acquisition_id is None else str(acquisition_id),
                "estimated": units,
            }
            row = database.execute(query("book_units"), booking).fetchone()
            assert row is not None  # noqa: S101 - an insert that returns nothing has raised
            return int(row[0])

    def settle(self, booking: int, units: float) -> None:
        """Correct a booking to the units that the service charged; 0 if it refused the request."""
        with connect(self._url, "tulip units") as database:
            database.execute(query("settle_units"), {"booking_id": booking, "spent": units})

    def _require(self, units: float, used: float, limit: float, of: str, setting: str) -> None:
        if used + units > limit * (1 + _ROUNDING):
            raise BudgetExceeded(
                f"a request of {units:.4g} processing units to {self._service} was not sent: of"
                f" the {limit:.6g} that a {of} may use, {used:.6g} are used; wait for the next"
                f" {of}, read smaller areas, or raise {setting}"
            )


@dataclass(frozen=True, slots=True)
class UnitMonth:
    """A row of tulip.unit_months; see docs/reference/tables.md."""

    service: str
    month: date
    requests: int
    units: float
    unsettled: int


def months(connection: Connection) -> list[UnitMonth]:
    """Units by service and month, the newest first; the last two years."""
    return [UnitMonth(*row) for row in connection.execute(query("unit_months"))]
