"""What the rows of Airflow's REST API say of one acquisition."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tulip_ops.services.dag_runs import STEPS, acquisition_run

ID = "SIM_31UFU_20250420_0_L2A"
END = "2026-01-01T10:01:30Z"


def run(state: str, *, ended: bool) -> dict[str, Any]:
    return {
        "partition_key": ID,
        "dag_run_id": "asset_triggered__1",
        "state": state,
        "start_date": "2026-01-01T10:00:00Z",
        "end_date": END if ended else None,
    }


def tasks(*states: str | None) -> dict[str, dict[str, Any]]:
    rest: list[str | None] = [None] * (len(STEPS) - len(states))
    return {
        name: {"state": state, "end_date": END}
        for name, state in zip(STEPS, [*states, *rest], strict=True)
    }


@pytest.mark.parametrize(
    ("states", "where"),
    [
        (["running"], ("running", "acquire")),
        (["success", "queued"], ("running", "screen")),
        (["success", "success", None], ("running", "segment")),
        (["success", "up_for_retry"], ("retrying", "screen")),
        (["success"] * 5, ("running", "record")),
    ],
)
def test_a_living_run_is_at_the_first_step_that_is_not_done(
    states: list[str | None], where: tuple[str, str]
) -> None:
    found = acquisition_run(run("running", ended=False), tasks(*states))
    assert (found.state, found.step) == where
    assert not found.ended
    assert found.recorded_at is None


@pytest.mark.parametrize(
    ("outcome", "states", "where"),
    [
        ("success", ["success"] * 5, ("recorded", "record")),
        ("success", ["success", *["skipped"] * 4], ("skipped", "screen")),
        ("failed", ["success", "failed", *["upstream_failed"] * 3], ("failed", "screen")),
    ],
)
def test_an_ended_run_names_the_step_that_ended_it(
    outcome: str, states: list[str | None], where: tuple[str, str]
) -> None:
    found = acquisition_run(run(outcome, ended=True), tasks(*states))
    assert (found.state, found.step) == where
    assert found.ended
    assert found.seconds == 90
    assert found.season == "2025"
    moment = datetime(2026, 1, 1, 10, 1, 30, tzinfo=UTC)
    assert found.recorded_at == (moment if found.state == "recorded" else None)


def test_a_run_that_waits_is_at_no_step() -> None:
    found = acquisition_run({**run("queued", ended=False), "start_date": None}, {})
    assert (found.state, found.step, found.seconds) == ("queued", "", 0.0)
