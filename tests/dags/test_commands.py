"""Every command line that the DAGs can give is one that the real `tulip` takes."""

import copy

import click
import pytest

from tulip_ops.cli.main import main

ID = "S2B_31UFU_20260420_0_L2A"


def command_line(dag, task_id: str, partition_key: str | None = None, **params) -> list[str]:
    """As Airflow renders it for a run with these parameters."""
    given = copy.deepcopy(dag.params)
    given.update(params)
    context = {"params": given.validate(), "partition_key": partition_key}
    task = dag.get_task(task_id).prepare_for_execution()
    task.render_template_fields(context, dag.get_template_env())
    return [argument for argument in task.arguments if argument]


def parsed(line: list[str]) -> dict[str, object]:
    command = main.commands[line[0]]
    with command.make_context(line[0], line[1:]) as context:
        return context.params


def test_discovery_without_parameters(dags):
    line = command_line(dags["tulip_discover"], "discover")
    assert line == ["discover", "--json"]
    assert parsed(line)["as_json"]


def test_discovery_with_every_parameter(dags):
    line = command_line(
        dags["tulip_discover"], "discover",
        area="north-east", source="archive", look_back_days=7,
        since="2026-04-01", until="2026-04-30",
    )  # fmt: skip
    taken = parsed(line)
    assert taken["areas"] == ("north-east",)
    assert taken["sources"] == ("archive",)
    assert taken["look_back"] == 7
    assert [str(taken["since"]), str(taken["until"])] == ["2026-04-01", "2026-04-30"]


def test_a_value_that_looks_like_an_option_stays_a_value(dags):
    line = command_line(dags["tulip_discover"], "discover", area="--help")
    assert parsed(line)["areas"] == ("--help",)


BACKFILL = {"area": "north", "source": "archive", "since": "2016-04-01", "until": "2016-05-31",
            "budget": 12.5}  # fmt: skip


@pytest.mark.parametrize("task", ["estimate", "start"])
def test_a_backfill_with_every_parameter(dags, task):
    taken = parsed(command_line(dags["tulip_backfill"], task, **BACKFILL))
    assert taken["areas"] == ("north",)
    assert taken["sources"] == ("archive",)
    assert [str(taken["since"]), str(taken["until"])] == ["2016-04-01", "2016-05-31"]
    assert taken["budget"] == 12.5
    assert taken["dry_run"] == (task == "estimate")
    assert taken["as_json"] == (task == "start")


def test_the_pipeline_with_every_parameter(dags):
    from airflow.providers.apache.beam.hooks.beam import beam_options_to_args

    dag = dags["tulip_backfill"]
    given = copy.deepcopy(dag.params)
    given.update({**BACKFILL, "runner": "FlinkRunner", "workers": 2, "flags": "--flink_master=a:1"})
    task = dag.get_task("beam").prepare_for_execution()
    task.render_template_fields(
        {"params": given.validate(), "run_id": "manual__1"}, dag.get_template_env()
    )
    words = [f"--runner={task.runner}", *beam_options_to_args(task.pipeline_options),
             "--labels=airflow-version=v3"]  # fmt: skip
    taken = parsed(["beam", *words])
    assert (taken["runner"], taken["workers"]) == ("FlinkRunner", 2)
    assert (taken["areas"], taken["sources"]) == (("north",), ("archive",))
    assert [str(taken["since"]), str(taken["until"])] == ["2016-04-01", "2016-05-31"]
    assert taken["budget"] == 12.5
    assert taken["more_flags"] == ("--flink_master=a:1",)
    assert taken["labels"] == ("airflow-version=v3",)
    assert taken["run_id"] == "beam manual__1"


@pytest.mark.parametrize("step", ["acquire", "screen", "segment", "vectorize", "record"])
def test_steps_take_the_partition_key_or_the_parameter(dags, step):
    dag = dags["tulip_acquisition"]
    for line in (command_line(dag, step, ID), command_line(dag, step, acquisition_id=ID)):
        assert line == [step, ID]
        assert str(parsed(line)["acquisition_id"]) == ID


@pytest.mark.parametrize(
    ("partition_key", "params", "says"),
    [
        (None, {}, "no acquisition: start the DAG with the parameter acquisition_id"),
        (ID, {"acquisition_id": "S2A_31UFU_20260421_0_L2A"}, "start one run for each"),
        ("--help", {}, "is not an acquisition id"),
        ("S2B_31UFU_20260420_0_L2A; reboot", {}, "is not an acquisition id"),
    ],
)
def test_a_run_without_one_acquisition_fails_at_once_and_says_why(
    dags, partition_key, params, says
):
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=says):
        command_line(dags["tulip_acquisition"], "acquire", partition_key, **params)


def test_a_parameter_that_is_no_id_is_refused_before_the_run_starts(dags):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="does not match"):
        command_line(dags["tulip_acquisition"], "acquire", acquisition_id="nonsense")


def test_the_pattern_takes_every_id():
    import re

    from tulip_airflow.params import ACQUISITION_ID

    from tulip_ops.core.types import AcquisitionId

    for text in (ID, "S2A_01CDK_20150704_12_L1C", "SIM_31UFU_20240420_999_L2A"):
        assert str(AcquisitionId.parse(text)) == text
        assert re.fullmatch(ACQUISITION_ID, text)


@pytest.mark.parametrize(
    ("partition_key", "params", "seasons"),
    [(None, {}, ()), ("2024", {}, (2024,)), (None, {"season": 2026}, (2026,))],
)
def test_history_takes_a_season_or_all(dags, partition_key, params, seasons):
    line = command_line(dags["tulip_history"], "history", partition_key, **params)
    assert parsed(line)["seasons"] == seasons


def test_history_of_a_key_that_is_no_year_is_bad_input(dags):
    line = command_line(dags["tulip_history"], "history", "soon")
    with pytest.raises(click.UsageError) as raised:
        parsed(line)
    assert raised.value.exit_code == 2
