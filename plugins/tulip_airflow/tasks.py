"""What the DAGs share: assets, and `step`, which makes a task of a `tulip` command.

Every DAG file imports this module, and every task process parses its DAG file again, so it
imports `airflow.sdk` and the standard library alone.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from tulip_airflow.command import end_with_parent, program
from tulip_airflow.exit_codes import raise_for_exit_code
from tulip_airflow.retries import DEFAULTS

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

ACQUISITIONS = Asset("tulip_acquisitions", uri="tulip://acquisitions")
"""Partition key: an acquisition id. An event means: found, nothing done yet."""
SEASONS = Asset("tulip_seasons", uri="tulip://seasons")
"""Partition key: a calendar year. An event means: an acquisition of it was recorded."""

ACQUISITION_DAG = "tulip_acquisition"

NETWORKS_POOL = "tulip_networks"
"""Limits how many networks run at once, over all runs. The deployment creates it, with one slot per
machine or GPU; without it screen and segment wait forever."""
NETWORK_STEPS = frozenset({"screen", "segment"})

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
        raise_for_exit_code(words, code)
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
    from tulip_airflow.pod_operator import pod_step  # noqa: PLC0415  # the pod operator costs seconds

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

    `task_id` is another name for the task, and `pre_execute` may skip it (`skip_if`). `keys`
    returns the partitions of `outlet` that a success emits. `retries` is 0 for a step that only
    queries: it would get the same result again. `ValueError` for an unknown TULIP_RUNTIME: it shows
    as the import error of the DAG.
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


def skip_if(*reasons: tuple[Callable[[Mapping[str, Any]], bool], str]) -> Callable[[Context], None]:
    """For `pre_execute`: skip the task if any of the parameters `reasons` is true."""

    def skip(context: Context) -> None:
        for holds, words in reasons:
            if holds(context["params"]):
                raise AirflowSkipException(words)

    return skip


def partitions_to_start(output: str, context: Context) -> list[str]:
    """Ids that need a run: new ones and, while no run is alive, pending ones.

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
