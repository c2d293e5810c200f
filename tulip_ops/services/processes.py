"""Processes that outlive the command that started them: start, find again, end.

A process id alone identifies nothing after a crash or a reboot: the kernel reuses it. A
process is ours where its id, its start time and the boot it belongs to are those recorded.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tulip_ops.core.errors import ServiceFailed

_DETACH = 'echo $$ > "$0" && exec "$@"'


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this machine, never mistaken for a later one with the same id."""

    pid: int
    started: int
    """Clock ticks after boot."""
    boot: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The living process with that id, if there is one; a zombie does not live."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = text.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]), _boot())

    def lives(self) -> bool:
        return Process.of(self.pid) == self

    def signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.lives():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    folder: Path = Path("/"),
    pass_fds: Sequence[int] = (),
    patience: float = 10.0,
) -> Process:
    """Start `command` detached, in a session of its own, its output appended to `log`.

    environment: all of it, nothing is inherited.
    """
    note = log.with_suffix(".starting")
    note.unlink(missing_ok=True)
    with log.open("ab") as output:
        subprocess.run(
            ["/usr/bin/setsid", "--fork", "/bin/sh", "-c", _DETACH, str(note), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd=folder,
            pass_fds=pass_fds,
            check=True,
        )
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        text = note.read_text() if note.exists() else ""
        if text.endswith("\n"):
            note.unlink()
            process = Process.of(int(text))
            if process is None:
                break
            return process
        time.sleep(0.01)
    raise ServiceFailed(f"`{command[0]}` ended at once; see {log}")


def write_pid_file(process: Process, file: Path) -> None:
    """Note the process in `file`."""
    file.write_text(json.dumps(asdict(process)) + "\n")


def read_pid_file(file: Path) -> Process | None:
    """The process noted in `file`, if it still lives."""
    try:
        noted = Process(**json.loads(file.read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
    return noted if noted.lives() else None


def end(processes: Iterable[Process], *, patience: float) -> None:
    """Ask with SIGTERM, wait up to `patience` seconds in all, then SIGKILL what is left."""
    left = list(processes)
    for process in left:
        process.signal(signal.SIGTERM)
    left = wait(left, patience)
    for process in left:
        process.signal(signal.SIGKILL)
    if wait(left, 10.0):
        raise ServiceFailed(f"could not end {', '.join(str(one.pid) for one in left)}")


def wait(processes: Iterable[Process], patience: float) -> list[Process]:
    """Those that still live after `patience` seconds."""
    left = [process for process in processes if process.lives()]
    deadline = time.monotonic() + patience
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if process.lives()]
    return left


def marked(variable: str, value: str) -> list[Process]:
    """Every living process, but this one, that was started with `variable=value`.

    Finds what a dead parent left behind, also in sessions of their own.
    """
    mark = f"{variable}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue  # another user's, or it has just ended
        process = Process.of(int(entry.name))
        if process is not None and mark in environment.split(b"\0"):
            found.append(process)
    return found
