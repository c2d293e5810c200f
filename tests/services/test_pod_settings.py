"""Pods are told what their steps read of the settings: not less, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import MultiPolygon, box

from tests.conftest import NewDatabase
from tulip_ops.core.setting_group import SettingGroup
from tulip_ops.core.settings import Settings, read_by
from tulip_ops.core.types import AcquisitionId, Area
from tulip_ops.pipeline import batch, discover, run
from tulip_ops.postgis import areas, connection, migrate
from tulip_ops.sources.archive import simulated

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

POLDER = Area("polder", MultiPolygon([box(5.645, 52.755, 5.651, 52.759)]))
"""400 x 450 m, seen by every simulated scene."""
NOT_PASSED = {"database_url", "state"}
"""The first is secret: pods take it from a Secret. The second is a folder of the pod's own."""
READ: set[str] = set()


def note(group: SettingGroup, name: str) -> Any:
    """Note in `READ` which settings are asked for."""
    if name in type(group).model_fields:
        READ.add(name)
    return object.__getattribute__(group, name)


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase
) -> Iterator[Settings]:
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TULIP_STATE", str(state))
        patch.setenv("TULIP_DATABASE_URL", new_database())
        patch.setenv("TULIP_BATCH", "2")
        patch.setattr(SettingGroup, "__getattribute__", note)
        yield Settings.load()


@pytest.fixture(scope="module")
def ids(settings: Settings) -> list[AcquisitionId]:
    """Two simulated acquisitions over one small area, both acquired."""
    simulated.write_archive(Path(settings.storage.archive_place), (2024,))
    migrate.migrate(settings.database.owner_url())
    with connection.connect(settings.database.writer_url(), "test") as database:
        areas.add_area(database, POLDER)
    found = discover.discover(
        settings, areas=(), sources=(), since=date(2024, 4, 1), until=date(2024, 4, 11),
        now=datetime(2024, 4, 12, tzinfo=UTC), run_id="test",
    )  # fmt: skip
    assert len(found.new) == 2
    for acquisition_id in found.new:
        run.attempt("acquire", acquisition_id, settings, run_id="test")
    return list(found.new)


@pytest.mark.parametrize("step", ["screen", "segment"])
def test_a_step_reads_what_its_pod_is_told(
    settings: Settings, ids: list[AcquisitionId], step: Any
) -> None:
    first, second = ids
    READ.clear()
    made = run.attempt(step, first, settings, run_id="test")
    assert made.fresh
    carried = batch.process_pending(step, settings, besides=first, run_id="test")
    assert [acquisition_id for acquisition_id, _ in carried] == [second]
    again = run.attempt(step, first, settings, run_id="test")
    assert not again.fresh
    assert {*(variable.field for variable in read_by(step)), *NOT_PASSED} == READ
