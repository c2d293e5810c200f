"""What the DAGs share: assets, retries, and `step`, which makes a task of a `tulip` command.

Every DAG file imports this module, and every task process parses its DAG file again, so it
imports `airflow.sdk` and the standard library alone. Airflow puts this folder on `sys.path`,
where names are global: hence the prefix.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator, Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

ACQUISITIONS = Asset("tulip_acquisitions", uri="tulip://acquisitions")
"""Partition key: an acquisition id. An event means: found, nothing done yet."""
SEASONS = Asset("tulip_seasons", uri="tulip://seasons")
"""Partition key: a calendar year. An event means: an acquisition of it was recorded."""

ACQUISITION_DAG = "tulip_acquisition"

NETWORKS_POOL = "tulip_networks"
"""Bounds how many networks compute at once on all runs together. Whoever deploys creates it, with
one slot per machine or GPU; without it screen and segment wait for ever."""
NETWORK_STEPS = frozenset({"screen", "segment"})

ACQUISITION_ID = r"^(S2[A-D]|SIM)_[0-9]{2}[A-Z]{3}_[0-9]{8}_[0-9]{1,3}_(L1C|L2A)$"
"""JSON schema and Python read it alike; the command line checks day and tile as well."""

DEFAULTS: dict[str, Any] = {
    "owner": "tulip",
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "do_xcom_push": False,
    "weight_rule": "upstream",  # what has begun is finished before more is begun
}

BAD_INPUT, BAD_DATA, SKIPPED = 2, 3, 99  # exit codes of `tulip`; 0 is done, everything else failed
GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL; Airflow kills the task's own process after five."""

Keys = Callable[[str, "Context"], Sequence[str]]
"""From what the command printed on stdout: the partition keys to emit."""


class ProcessStep(BaseOperator):
    """Runs `tulip` with `arguments` as a child process of the task.

    Exit 0 ends the task as success, 99 as skipped, 2 (bad input) and 3 (bad data: quarantined) as
    failed without a retry, anything else and any signal as failed with retries. Arguments that
    render to nothing are left out. The environment is inherited and never rendered, so
    no secret shows in the UI.
    """

    template_fields: Sequence[str] = ("arguments",)
    ui_color = "#f7d9e3"

    def __init__(
        self, *, arguments: Sequence[str], keys: Keys | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.arguments = list(arguments)
        self.keys = keys
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> None:
        output = self._run([argument for argument in self.arguments if argument], context["run_id"])
        if self.keys is None:
            return
        keys = list(self.keys(output, context))
        if keys:
            context["outlet_events"][self.outlets[0]].add_partitions(keys)
            self.log.info("emitting %d partitions: %s", len(keys), ", ".join(keys))
        else:
            # Airflow emits an event without a key for every outlet of a successful task.
            self.outlets = []
            self.log.info("nothing to emit")

    def _run(self, arguments: list[str], run_id: str) -> str:
        """What `tulip` printed on stdout; its stderr goes to the task's log line by line."""
        words = " ".join(["tulip", *arguments])
        self.log.info("%s", words)
        with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as results:
            self._process = subprocess.Popen(
                [program(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=results,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                env=os.environ | {"TULIP_RUN_ID": run_id},
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509  # one system call, no locks
            )
            assert self._process.stderr is not None  # noqa: S101  # PIPE above
            with self._process.stderr as lines:
                for line in lines:
                    self.log.info("%s", line.rstrip())
            code = self._process.wait()
            results.seek(0)
            output = results.read()
        for line in output.splitlines():
            self.log.info("%s", line)
        judge(words, code)
        return output

    def on_kill(self) -> None:
        """End the command and all that it started."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            os.killpg(process.pid, signal.SIGKILL)


def _pod_step(**options: Any) -> BaseOperator:
    from tulip_pods import pod_step  # noqa: PLC0415  # the pod operator costs seconds

    return pod_step(**options)


RUNTIMES: dict[str, Callable[..., BaseOperator]] = {"process": ProcessStep, "kubernetes": _pod_step}
"""How a network step runs, by TULIP_RUNTIME."""


def step(
    name: str,
    *arguments: str,
    doc_md: str,
    timeout: timedelta = timedelta(hours=1),
    outlet: Asset | None = None,
    keys: Keys | None = None,
    trigger_rule: str = "all_success",
    retries: int = DEFAULTS["retries"],
    task_id: str | None = None,
    pre_execute: Callable[[Context], None] | None = None,
) -> BaseOperator:
    """The task `name`, which runs `tulip <name> <arguments>`; arguments may be templates.

    `task_id` is another name for the task, and `pre_execute` may skip it (`unless`). `keys` says
    which partitions of `outlet` a success emits. `retries` is 0 for a step that only looks, and
    would see the same again. `ValueError` for an unknown TULIP_RUNTIME: it shows as the import
    error of the DAG.
    """
    # tulip_ops.core.settings reads this variable for everybody else; a DAG must not import it.
    runtime = os.environ.get("TULIP_RUNTIME") or "process"
    if runtime not in RUNTIMES:
        raise ValueError(
            f"TULIP_RUNTIME is {runtime!r}, and this version knows {', '.join(RUNTIMES)}:"
            " set it for Airflow's services alike and start them again"
        )
    network = name in NETWORK_STEPS
    make = RUNTIMES[runtime] if network else ProcessStep
    options: dict[str, Any] = {"pool": NETWORKS_POOL} if network else {}
    return make(
        task_id=task_id or name,
        pre_execute=pre_execute,
        arguments=[name, *arguments],
        keys=keys,
        outlets=[outlet] if outlet else None,
        execution_timeout=timeout,
        trigger_rule=trigger_rule,
        retries=retries,
        doc_md=doc_md,
        **options,
    )


def unless(*reasons: tuple[Callable[[Mapping[str, Any]], bool], str]) -> Callable[[Context], None]:
    """For `pre_execute`: skips a task of whose run's parameters any of `reasons` is true."""

    def skip(context: Context) -> None:
        for holds, words in reasons:
            if holds(context["params"]):
                raise AirflowSkipException(words)

    return skip


def to_start(output: str, context: Context) -> list[str]:
    """The ids that need a run: what is new and, when no run is alive, what is pending.

    output: what `tulip discover --json` or `tulip backfill --json` printed.
    """
    found = json.loads(output)
    new, pending = found["new"], found["pending"]
    alive = context["ti"].get_dr_count(dag_id=ACQUISITION_DAG, states=["queued", "running"])
    if pending and alive:
        log.info(
            "%d pending ids are left for the next time, because %d runs of %s are alive: %s",
            len(pending), alive, ACQUISITION_DAG, ", ".join(pending),
        )  # fmt: skip
        return list(new)
    return [*new, *pending]


def option(name: str, param: str) -> str:
    """A template of `name=<value>` for a DAG parameter, empty where the parameter is null."""
    return f"{{{{ '' if params.{param} is none else '{name}=' ~ params.{param} }}}}"


def selection(first: str, *, since: str) -> tuple[dict[str, Param], tuple[str, ...]]:
    """The parameters that say which acquisitions are meant, and the arguments that hand them on.

    first: the command's option for the first day of sensing, which is the parameter `since`.
    since: what that parameter means.
    """
    options = {"area": "--area", "source": "--source", "since": first, "until": "--until"}
    params = {
        "area": _param("Name of one area of interest, as `tulip aoi list` shows it. Empty: all"
                       " areas."),
        "source": _param("Name of one source, such as archive, to ask instead of each area's own."
                         " Empty: those, or TULIP_SOURCES."),
        "since": _param(since, format="date"),
        "until": _param("Last day of sensing, YYYY-MM-DD. Empty: today.", format="date"),
    }  # fmt: skip
    return params, tuple(option(name, param) for param, name in options.items())


def _param(description: str, **schema: str) -> Param:
    return Param(None, type=["null", "string"], description=description, **schema)


def acquisition_of(partition_key: str | None, params: dict[str, Any]) -> str:
    """The id that a run is about; a failure without retry where there is none, or two."""
    asked = params["acquisition_id"]
    if partition_key and asked and partition_key != asked:
        raise AirflowFailException(
            f"the run is for the partition {partition_key} and its parameter acquisition_id is"
            f" {asked}: start one run for each"
        )
    acquisition_id = partition_key or asked
    if not acquisition_id:
        raise AirflowFailException(
            "no acquisition: start the DAG with the parameter acquisition_id, such as"
            ' {"acquisition_id": "S2B_31UFU_20260420_0_L2A"}, or with it as partition key'
        )
    if not re.fullmatch(ACQUISITION_ID, acquisition_id):
        raise AirflowFailException(
            f"{acquisition_id!r} is not an acquisition id; one looks like S2B_31UFU_20260420_0_L2A"
        )
    return str(acquisition_id)


def program() -> str:
    """The `tulip` of the PATH, else the one beside this Python."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("tulip") or shutil.which("tulip", path=beside)
    if found is None:
        raise AirflowFailException(
            f"the command tulip is neither on the PATH of Airflow nor in {beside}:"
            " install tulip_ops into Airflow's environment"
        )
    return found


def judge(words: str, code: int) -> None:
    """Turn the exit code of `words` into the end of a task that Airflow knows."""
    if code == 0:
        return
    if code == SKIPPED:
        raise AirflowSkipException(f"`{words}` had nothing to do: its lines above say why")
    if code == BAD_INPUT:
        raise AirflowFailException(f"`{words}` was given bad input: its last lines above say what")
    if code == BAD_DATA:
        raise AirflowFailException(
            f"`{words}` met bad data: its last lines above say what, and the ledger quarantines it"
        )
    if code == -signal.SIGKILL:
        raise AirflowException(
            f"`{words}` was ended by SIGKILL: without a person behind it, the machine ran out of"
            " memory"
        )
    if code < 0:
        raise AirflowException(f"`{words}` was ended by {signal.Signals(-code).name}")
    raise AirflowException(f"`{words}` failed with exit code {code}: its last lines above say why")


_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Ask the kernel to kill this child when its task is killed without a chance to say so."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
