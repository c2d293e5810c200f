"""`tulip beam` as a task, by the operator of Airflow's Beam provider.

Airflow imports everything in this folder in each of its processes: the provider is imported where
a task is made, and no sooner.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


def beam_task(
    *, runner: str, options: Mapping[str, str], doc_md: str, **kwargs: Any
) -> BaseOperator:
    """The task `beam`, which runs `tulip beam --runner=... --<option>=...`.

    runner, options: templates; options that render to nothing are left out.
    """
    return _operator()(
        task_id="beam",
        runner=runner,
        # The operator starts `<interpreter> <options> <file> --runner=...`: here that is the
        # command line, so that exit codes, errors and messages are the same as of other tasks.
        py_interpreter=sys.executable,
        py_options=["-m", "tulip_ops.cli"],
        py_file="beam",
        pipeline_options=dict(options),
        doc_md=doc_md,
        execution_timeout=kwargs.pop("execution_timeout", timedelta(hours=24)),
        **kwargs,
    )


def _operator() -> type[BaseOperator]:
    import psutil
    from airflow.providers.apache.beam.operators.beam import (
        GOOGLE_PROVIDER,
        BeamDataflowMixin,
        BeamRunPythonPipelineOperator,
    )

    class WithoutGoogle(BeamDataflowMixin):
        """Lets the operator be made without Google's provider, which only Dataflow needs."""

        def __init__(self) -> None:
            if GOOGLE_PROVIDER:
                super().__init__()

    class BeamStep(BeamRunPythonPipelineOperator, WithoutGoogle):
        """The provider's operator, for all runners; ends its child processes."""

        def execute(self, context: Context) -> None:
            self.pipeline_options = {
                name: value for name, value in self.pipeline_options.items() if value
            }
            super().execute(context)

        def _cast_dataflow_config(self) -> None:
            if GOOGLE_PROVIDER:
                super()._cast_dataflow_config()

        def on_kill(self) -> None:
            super().on_kill()
            children = psutil.Process().children(recursive=True)
            for child in children:
                with suppress(psutil.Error):
                    child.terminate()
            for child in psutil.wait_procs(children, timeout=3)[1]:
                with suppress(psutil.Error):
                    child.kill()

    return BeamStep
