"""What holds for every DAG, and what each of them promises."""

import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

TASKS = {
    "tulip_discover": ["discover", "alerts"],
    "tulip_acquisition": ["acquire", "screen", "segment", "vectorize", "record"],
    "tulip_history": ["history"],
    "tulip_backfill": ["estimate", "start", "beam", "history"],
}
ARCHIVE = timedelta(hours=24)
"""What the task may take that carries an archive in one go; a retry goes on where it ended."""
HEAVY = (
    "tulip_ops", "tensorflow", "keras", "rasterio", "geopandas", "pandas", "numpy", "shapely",
    "kubernetes", "boto3", "apache_beam", "google", "grpc", "distributed",
)  # fmt: skip


def test_dags_are_these(dags):
    assert {name: dag.task_ids for name, dag in dags.items()} == TASKS


def test_files_have_the_names_of_their_dags(dags):
    assert {Path(dag.fileloc).stem for dag in dags.values()} == set(dags)


@pytest.mark.parametrize("name", TASKS)
class TestPolicies:
    def test_it_says_who_owns_it_and_how_to_find_it(self, dags, name):
        assert {task.owner for task in dags[name].tasks} == {"tulip"}
        assert "tulip" in dags[name].tags
        assert dags[name].description

    def test_it_says_what_to_do_when_it_fails(self, dags, name):
        what, triage = dags[name].doc_md.split("### Triage")
        assert len(what) > 200
        assert triage.count("- *") >= 4
        assert all(task.doc_md for task in dags[name].tasks)

    def test_every_parameter_is_optional_and_explained(self, dags, name):
        for key in dags[name].params:
            param = dags[name].params.get_param(key)
            assert param.value is None
            assert "null" in param.schema["type"]
            assert len(param.description) > 20

    def test_it_catches_nothing_up_and_is_bounded(self, dags, name):
        assert dags[name].catchup is False
        assert 1 <= dags[name].max_active_runs <= 3

    def test_failures_are_retried_later_and_later_and_nothing_hangs(self, dags, name):
        for task in dags[name].tasks:
            assert task.retries == (0 if task.task_id == "alerts" else 2)
            assert timedelta(0) < task.retry_delay <= timedelta(minutes=1)
            assert task.retry_exponential_backoff > 1
            whole = ARCHIVE if task.task_id == "beam" else timedelta(hours=2)
            assert task.execution_timeout <= whole

    def test_nothing_but_ids_travels(self, dags, name):
        assert not any(task.do_xcom_push for task in dags[name].tasks)

    def test_only_arguments_are_rendered(self, dags, name):
        ours = [task for task in dags[name].tasks if task.task_id != "beam"]
        assert {tuple(task.template_fields) for task in ours} == {("arguments",)}


def test_steps_follow_one_another(dags):
    tasks = dags["tulip_acquisition"].task_dict
    order = TASKS["tulip_acquisition"]
    for before, after in pairwise(order):
        assert tasks[after].upstream_task_ids == {before}


def test_alerts_fail_after_discovery_and_hinder_nothing(dags, steps):
    alerts = dags["tulip_discover"].get_task("alerts")
    assert alerts.upstream_task_ids == {"discover"}
    assert alerts.downstream_task_ids == set()
    assert alerts.arguments == ["alerts"]
    assert alerts.outlets == []


def test_networks_share_a_pool_and_nothing_else_does(dags, steps):
    pools = {task.task_id: task.pool for dag in dags.values() for task in dag.tasks}
    assert {name for name, pool in pools.items() if pool == steps.NETWORKS_POOL} == {
        "screen",
        "segment",
    }
    assert {pool for name, pool in pools.items() if name not in ("screen", "segment")} == {
        "default_pool"
    }


def test_local_stack_makes_that_pool(steps):
    from tulip_ops.services import dag_runs

    assert steps.NETWORKS_POOL == dag_runs.POOL


def test_dags_start_one_another_by_partitions(dags, steps):
    def outlets(dag, task):
        return dags[dag].get_task(task).outlets

    assert outlets("tulip_discover", "discover") == [steps.ACQUISITIONS]
    assert dags["tulip_acquisition"].timetable.asset_condition == steps.ACQUISITIONS
    assert outlets("tulip_acquisition", "record") == [steps.SEASONS]
    assert dags["tulip_acquisition"].get_task("record").trigger_rule == "none_failed"
    assert dags["tulip_history"].timetable.asset_condition == steps.SEASONS


def test_unpausing_discovery_for_the_first_time_starts_nothing(dags):
    from airflow.sdk.definitions.timetables.trigger import CronTriggerTimetable

    timetable = dags["tulip_discover"].timetable
    assert isinstance(timetable, CronTriggerTimetable)
    assert timetable.run_immediately == timedelta(0)
    assert dags["tulip_discover"].start_date is None


def test_parsing_imports_nothing_heavy(repository):
    code = (
        "import runpy, sys, pathlib; sys.path.insert(0, 'plugins')\n"
        "for file in sorted(pathlib.Path('dags').glob('*.py')): runpy.run_path(str(file))\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    imported = set(result.stdout.split())
    assert {"airflow", "tulip_airflow"} <= imported
    assert imported.isdisjoint(HEAVY)


class TestWhatDiscoveryStarts:
    FOUND = '{"new": ["B"], "pending": ["A"], "known": 2}'

    def context(self, alive: int) -> dict[str, object]:
        def get_dr_count(dag_id: str, states: list[str]) -> int:
            assert dag_id == "tulip_acquisition"
            assert states == ["queued", "running"]
            return alive

        return {"ti": SimpleNamespace(get_dr_count=get_dr_count)}

    def test_what_is_new_and_what_is_pending_while_nothing_runs(self, dags):
        to_start = dags["tulip_discover"].get_task("discover").keys
        assert to_start(self.FOUND, self.context(alive=0)) == ["B", "A"]

    def test_what_is_pending_waits_while_its_run_may_be_alive(self, dags):
        to_start = dags["tulip_discover"].get_task("discover").keys
        assert to_start(self.FOUND, self.context(alive=1)) == ["B"]

    def test_nothing(self, dags):
        to_start = dags["tulip_discover"].get_task("discover").keys
        assert to_start('{"new": [], "pending": []}', self.context(alive=0)) == []


class TestBackfill:
    def skipped(self, dags, **params) -> set[str]:
        """Which tasks the parameters leave out before they run."""
        from airflow.sdk.exceptions import AirflowSkipException

        out = set()
        for task in dags["tulip_backfill"].tasks:
            given = {"engine": None, "dry_run": None} | params
            try:
                if task._pre_execute_hook is not None:
                    task._pre_execute_hook({"params": given})
            except AirflowSkipException:
                out.add(task.task_id)
        return out

    def test_one_engine_carries(self, dags):
        assert self.skipped(dags) == self.skipped(dags, engine="airflow") == {"beam"}
        assert self.skipped(dags, engine="beam") == {"start"}

    @pytest.mark.parametrize("engine", [None, "airflow", "beam"])
    def test_a_dry_run_carries_nothing(self, dags, engine):
        assert self.skipped(dags, engine=engine, dry_run=True) == {"start", "beam"}

    def test_history_follows_the_pipeline_and_starts_no_acquisition_twice(self, dags, steps):
        tasks = dags["tulip_backfill"].task_dict
        assert tasks["start"].upstream_task_ids == {"estimate"}
        assert tasks["beam"].upstream_task_ids == {"estimate"}
        assert tasks["history"].upstream_task_ids == {"beam"}
        assert tasks["start"].outlets == [steps.ACQUISITIONS]
        assert tasks["start"].keys is dags["tulip_discover"].get_task("discover").keys

    def test_the_provider_runs_the_command_with_what_was_said(self, dags, tmp_path, monkeypatch):
        from airflow.providers.apache.beam.operators.beam import BeamRunPythonPipelineOperator

        started = []
        monkeypatch.setattr(
            "airflow.providers.apache.beam.hooks.beam.run_beam_command",
            lambda cmd, **_: started.append(cmd),
        )
        task = dags["tulip_backfill"].get_task("beam")
        assert isinstance(task, BeamRunPythonPipelineOperator)
        copied = task.prepare_for_execution()
        copied.runner = "DirectRunner"
        copied.pipeline_options = {"from": "2016-04-01", "area": "", "run-id": "beam a run"}
        copied.execute({})
        ((*begin, labels),) = started
        assert begin == [
            sys.executable, "-m", "tulip_ops.cli", "beam", "--runner=DirectRunner",
            "--from=2016-04-01", "--run-id=beam a run",
        ]  # fmt: skip
        assert labels.startswith("--labels=airflow-version=")


def test_a_record_tells_its_season(dags):
    season_of = dags["tulip_acquisition"].get_task("record").keys
    context = {"partition_key": "S2B_31UFU_20260420_0_L2A", "params": {"acquisition_id": None}}
    assert season_of("", context) == ["2026"]
    by_hand = {"partition_key": None, "params": {"acquisition_id": "S2A_31UFU_20160421_0_L2A"}}
    assert season_of("nothing changed", by_hand) == ["2016"]


def test_the_dag_has_the_steps_of_the_pipeline_in_their_order(dags):
    from tulip_airflow.tasks import NETWORK_STEPS

    from tulip_ops.core import types

    tasks = dags["tulip_acquisition"].topological_sort()
    names = [task.task_id for task in tasks if task.task_id in types.STATES]
    assert names == [step.name for step in types.STEPS]
    assert frozenset(types.NETWORK_STEPS) == NETWORK_STEPS
