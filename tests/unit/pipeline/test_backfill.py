"""What is left to carry, and what of it a budget has room for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, Area
from tulip_ops.pipeline import backfill
from tulip_ops.postgis.ledger import LedgerState
from tulip_ops.sources.sentinel_hub import processing_units

AREA = Area("polder", MultiPolygon([box(5.70, 52.70, 5.72, 52.71)]))
START = datetime(2026, 4, 20, 10, 50, tzinfo=UTC)


def acquisition(number: int = 0, **changed: Any) -> Acquisition:
    sensed_at = START + timedelta(days=number)
    told = {
        "id": AcquisitionId("S2B", "31UFU", sensed_at.date(), 0, "L2A"),
        "sensed_at": sensed_at,
        "source": "sentinel-hub",
        "href": "https://nowhere.example/item.json",
        "footprint": MultiPolygon([box(5.5, 52.2, 7.0, 53.2)]),
        "bands": BANDS,
        "baseline": "05.10",
    } | changed
    return Acquisition(**told)


def known(state: str = "recorded", baseline: str | None = "05.10", *areas: str) -> LedgerState:
    return LedgerState(state, None, baseline, frozenset(areas or ("polder",)))


@pytest.mark.parametrize(
    ("entry", "done"),
    [
        (None, False),
        (known(), True),
        (known("skipped"), True),
        (known("quarantined"), True),
        (known("segmented"), False),
        (known("failed"), False),
        (known("recorded", "05.09"), False),  # a newer baseline is offered
        (known("recorded", None), True),
        (known("recorded", "05.10", "elsewhere"), False),  # the area came later
        (known("recorded", "05.10", "elsewhere", "polder"), True),
    ],
)
def test_what_is_done(entry: LedgerState | None, done: bool) -> None:
    one = acquisition()
    found = {} if entry is None else {one.id: entry}
    assert backfill._is_done(one, [AREA], found) is done


def test_an_acquisition_costs_what_acquire_reads() -> None:
    work = backfill._work(acquisition(), [AREA], new=True)
    side = work.pixels**0.5
    assert 200 < side < 400  # 1.35 x 1.1 km and 640 m around it
    assert work.bytes == work.pixels * 10 * 2
    assert work.units == pytest.approx(work.pixels / 512**2 * 10 / 3, rel=0.01)
    assert work.units >= processing_units.of_image(1, 1, 10)


def test_only_sentinel_hub_charges_and_only_for_areas_that_it_reaches() -> None:
    assert backfill._work(acquisition(source="archive"), [AREA], new=True).units == 0
    away = Area("away", MultiPolygon([box(9.0, 52.70, 9.02, 52.71)]))
    assert backfill._work(acquisition(), [away], new=True).pixels == 0
    assert backfill._work(acquisition(), [], new=True).units == 0


def test_a_budget_takes_what_was_sensed_first() -> None:
    work = [backfill._work(acquisition(number), [AREA], new=True) for number in range(5)]
    each = work[0].units
    assert backfill._fitting(work, None) == 5
    assert backfill._fitting(work, each * 5.001) == 5
    assert backfill._fitting(work, each * 2.5) == 2
    assert backfill._fitting(work, 0) == 0
    assert backfill._fitting([], 0) == 0
