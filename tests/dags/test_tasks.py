"""The task of a step, with real processes: how it ends, what it says, what survives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

RUN = "manual__2026-04-21"


def task(steps, keys=None, outlet=None, name="vectorize", arguments=("an id",)):
    made = steps.step(name, *arguments, doc_md="-", outlet=outlet, keys=keys)
    return made.prepare_for_execution()


def execute(task, **context):
    task.execute({"run_id": RUN, **context})


@pytest.fixture
def said(capfd) -> Callable[[], list[str]]:
    """The lines of the task's log, without time and level."""
    return lambda: [line.split("] ", 1)[-1] for line in capfd.readouterr().out.splitlines()]


class TestEnds:
    def test_zero_is_success(self, steps, stand_in, said):
        stand_in("import sys; print('3 fields'); print('reading', file=sys.stderr)")
        execute(task(steps))
        assert said()[-3:] == ["tulip vectorize an id", "reading", "3 fields"]

    def test_99_is_a_skip(self, steps, stand_in, said):
        from airflow.sdk.exceptions import AirflowSkipException

        stand_in("import sys; print('too cloudy'); sys.exit(99)")
        with pytest.raises(AirflowSkipException):
            execute(task(steps))
        assert said()[-1] == "too cloudy"

    @pytest.mark.parametrize(("code", "says"), [(2, "bad input"), (3, "quarantines")])
    def test_2_and_3_fail_and_are_not_retried(self, steps, stand_in, code, says):
        from airflow.sdk.exceptions import AirflowFailException

        stand_in(f"raise SystemExit({code})")
        with pytest.raises(AirflowFailException, match=says):
            execute(task(steps))

    @pytest.mark.parametrize("code", [1, 4, 77])
    def test_anything_else_fails_and_is_retried(self, steps, stand_in, code):
        from airflow.sdk.exceptions import AirflowException, AirflowFailException

        stand_in(f"raise SystemExit({code})")
        with pytest.raises(AirflowException, match=f"exit code {code}") as raised:
            execute(task(steps))
        assert not isinstance(raised.value, AirflowFailException)

    @pytest.mark.parametrize(
        ("name", "says"), [("SIGKILL", "out of memory"), ("SIGSEGV", "SIGSEGV")]
    )
    def test_a_signal_fails_and_is_retried(self, steps, stand_in, name, says):
        from airflow.sdk.exceptions import AirflowException, AirflowFailException

        stand_in(f"import os, signal; os.kill(os.getpid(), signal.{name})")
        with pytest.raises(AirflowException, match=says) as raised:
            execute(task(steps))
        assert not isinstance(raised.value, AirflowFailException)

    def test_no_command_at_all(self, steps, monkeypatch, tmp_path):
        from airflow.sdk.exceptions import AirflowFailException

        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        with pytest.raises(AirflowFailException, match="install tulip_ops"):
            execute(task(steps))


class TestWhatTheCommandGets:
    def test_its_arguments_as_they_are_without_a_shell(self, steps, stand_in, said):
        stand_in("import sys; print(sys.argv[1:])")
        execute(task(steps, arguments=("$HOME; ls", "")))
        assert said()[-1] == "['vectorize', '$HOME; ls']"

    def test_the_run_and_the_environment(self, steps, stand_in, said, monkeypatch):
        monkeypatch.setenv("TULIP_DATABASE_URL", "postgresql://secret")
        stand_in("import os; print(os.environ['TULIP_RUN_ID'], 'TULIP_DATABASE_URL' in os.environ)")
        execute(task(steps))
        assert said()[-1] == f"{RUN} True"


class TestPartitions:
    @pytest.fixture
    def events(self):
        from airflow.sdk.execution_time.context import OutletEventAccessors

        return OutletEventAccessors()

    def test_keys_are_emitted(self, steps, stand_in, events):
        stand_in("print('A B')")
        made = task(steps, outlet=steps.ACQUISITIONS, keys=lambda output, _: output.split())
        execute(made, outlet_events=events)
        assert events[steps.ACQUISITIONS].partition_keys == {"A", "B"}
        assert made.outlets == [steps.ACQUISITIONS]

    def test_no_keys_emit_no_event(self, steps, stand_in, events):
        stand_in("")
        made = task(steps, outlet=steps.ACQUISITIONS, keys=lambda *_: [])
        execute(made, outlet_events=events)
        assert made.outlets == []
        assert len(events) == 0

    def test_a_failure_emits_nothing(self, steps, stand_in, events):
        stand_in("print('A'); raise SystemExit(1)")
        made = task(steps, outlet=steps.ACQUISITIONS, keys=lambda output, _: output.split())
        with pytest.raises(Exception, match="exit code 1"):
            execute(made, outlet_events=events)
        assert len(events) == 0


class TestRuntime:
    def test_an_unknown_one_is_an_error(self, steps, monkeypatch):
        monkeypatch.setenv("TULIP_RUNTIME", "mainframe")
        with pytest.raises(ValueError, match="TULIP_RUNTIME is 'mainframe'"):
            steps.step("screen", doc_md="-")

    def test_an_empty_one_is_the_default(self, steps, monkeypatch):
        monkeypatch.setenv("TULIP_RUNTIME", "")
        assert isinstance(steps.step("screen", doc_md="-"), steps.ProcessStep)

    def test_it_decides_on_network_steps_alone(self, steps, monkeypatch):
        class Elsewhere(steps.ProcessStep):
            pass

        monkeypatch.setitem(steps.RUNTIMES, "elsewhere", Elsewhere)
        monkeypatch.setenv("TULIP_RUNTIME", "elsewhere")
        made = {name: steps.step(name, doc_md="-") for name in ("acquire", "screen", "segment")}
        assert [name for name, it in made.items() if isinstance(it, Elsewhere)] == [
            "screen",
            "segment",
        ]


# What Airflow's task process does: SIGTERM calls on_kill.
TASK_PROCESS = """
import signal, sys
sys.path.insert(0, "plugins")
from tulip_airflow.tasks import step
task = step("segment", "id", doc_md="-")
signal.signal(signal.SIGTERM, lambda *_: task.on_kill())
task.execute({"run_id": "a run"})
"""
FAMILY = """
import os, signal, subprocess, sys, time
if {stubborn}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"], stderr=subprocess.DEVNULL)
with open({path!r} + ".new", "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
os.rename({path!r} + ".new", {path!r})
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
class TestKill:
    @pytest.fixture
    def family(self, stand_in, tmp_path, repository):
        """Starts a task process whose command started another; their three pids."""
        started: list[int] = []
        processes: list[subprocess.Popen[bytes]] = []

        def start(*, stubborn: bool) -> tuple[subprocess.Popen[bytes], int, int]:
            path = tmp_path / "pids"
            stand_in(FAMILY.format(stubborn=stubborn, path=str(path)))
            process = subprocess.Popen([sys.executable, "-c", TASK_PROCESS], cwd=repository)
            processes.append(process)
            started.append(process.pid)
            assert wait_for(path.exists, 60)
            command, child = map(int, path.read_text().split())
            started.extend((command, child))
            return process, command, child

        yield start
        for pid in started:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in processes:
            process.wait(20)

    @pytest.mark.parametrize("stubborn", [False, True])
    def test_nothing_survives_a_task_that_airflow_ends(self, family, stubborn):
        process, command, child = family(stubborn=stubborn)
        process.terminate()
        # After five seconds Airflow kills the task's own process.
        assert wait_for(lambda: not alive(command) and not alive(child), 5)
        assert process.wait(20) != 0

    def test_the_command_ends_with_a_task_that_is_killed(self, family):
        process, command, _ = family(stubborn=True)
        process.kill()
        process.wait(20)
        assert wait_for(lambda: not alive(command), 2)
