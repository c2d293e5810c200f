"""A private PostgreSQL server with PostGIS in a folder of ours, never the machine's own.

It listens on 127.0.0.1 only, without a unix socket (the path of one may have 107 bytes, ours
may be longer). PostgreSQL refuses to run as root; root runs it as the user `postgres` of
Debian's packages. That user need not be able to reach the folder: the server is handed the
open folder as `/proc/self/fd/N`.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tulip_ops.core.errors import ServiceFailed
from tulip_ops.services import apt, ports, processes
from tulip_ops.services import secrets as keys
from tulip_ops.services.processes import Process

log = logging.getLogger(__name__)

ADMINISTRATOR = "postgres"
LOG = "postgres.log"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "jit": "off",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    folder: Path
    port: int
    binaries: Path
    password: str = field(repr=False)
    """Of the superuser."""

    @property
    def url(self) -> str:
        """As the superuser, to the database `postgres`."""
        return self.administered("postgres")

    def administered(self, database: str) -> str:
        """URL of one database for the superuser."""
        return self.address(database, ADMINISTRATOR, self.password)

    def address(self, database: str, user: str, password: str) -> str:
        """URL of one database for one login."""
        return f"postgresql://{quote(user)}:{quote(password)}@127.0.0.1:{self.port}/{database}"

    def run(self, sql: str, *, database: str = "postgres") -> str:
        """Run SQL as the superuser; returns the rows, one a line, columns parted by `|`."""
        done = subprocess.run(
            [self.binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
             f"host=127.0.0.1 port={self.port} user={ADMINISTRATOR} dbname={database}"],
            input=sql, env={**_ENVIRONMENT, "PGPASSWORD": self.password},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise ServiceFailed(f"PostgreSQL in {self.folder} refused: {done.stderr.strip()}")
        return done.stdout.strip()

    def stop(self) -> None:
        stop(self.folder)


def start(folder: Path, *, durable: bool = True, patience: float = 60.0) -> Server:
    """The server of `folder`: made and started as needed, and accepting connections.

    durable: False risks the data when the machine loses power, and is faster.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    version = data / "PG_VERSION"
    binaries = apt.postgresql(int(version.read_text()) if version.exists() else None)
    password = keys.read_or_create(folder / "password")
    process = find(folder)
    if process is None:
        if not version.exists():
            _initialize(data, binaries, password)
        process = _launch(folder, binaries, durable=durable)
    server = Server(folder, int((folder / "port").read_text()), binaries, password)
    _await(server, process, patience)
    return server


def find(folder: Path) -> Process | None:
    """The living server of `folder`: the process in its pid file that works in its data."""
    data = folder.absolute() / "data"
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return Process.of(pid) if _works_in(pid, data) else None


def stop(folder: Path, *, patience: float = 30.0) -> bool:
    """End the server of `folder`, whatever is connected; whether one was running."""
    process = find(folder)
    if process is None:
        return False
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        process.signal(number)
        if not processes.wait([process], patience):
            return True
    raise ServiceFailed(f"PostgreSQL in {folder}, process {process.pid}, does not end")


def _initialize(data: Path, binaries: Path, password: str) -> None:
    if data.exists():
        shutil.rmtree(data)  # an initdb that was interrupted: there is no PG_VERSION
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(data, account.pw_uid, account.pw_gid)
    with _opened(data) as (place, descriptor), os.fdopen(os.memfd_create("password"), "w") as memo:
        memo.write(f"{password}\n")
        memo.flush()
        done = subprocess.run(
            [*_as_user(), str(binaries / "initdb"), "-D", place, "-U", ADMINISTRATOR,
             "--auth=scram-sha-256", f"--pwfile=/proc/self/fd/{memo.fileno()}",
             "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync"],
            env=_ENVIRONMENT, cwd="/", pass_fds=[descriptor, memo.fileno()],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(data)
        raise ServiceFailed(f"initdb failed in {data}: {done.stderr.strip()}")


def _launch(folder: Path, binaries: Path, *, durable: bool) -> Process:
    """Start the server of `folder`, once what a killed one left behind is gone.

    Its children hold its shared memory for a moment. Only then is the pid file, which may
    name a stranger after a reboot, ours to remove.
    """
    data = folder / "data"
    if processes.wait(_workers(data), patience=10.0):
        processes.end(_workers(data), patience=10.0)
    (data / "postmaster.pid").unlink(missing_ok=True)
    settings = {**_SETTINGS, "port": str(ports.choose(folder / "port"))}
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with _opened(data) as (place, descriptor):
        return processes.start(
            [*_as_user(), str(binaries / "postgres"), "-D", place, *options],
            log=folder / LOG,
            environment=_ENVIRONMENT,
            pass_fds=[descriptor],
        )


def _await(server: Server, process: Process, patience: float) -> None:
    ask = [str(server.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)]
    deadline = time.monotonic() + patience
    while process.lives() and time.monotonic() < deadline:
        ready = subprocess.run(ask, env=_ENVIRONMENT, check=False).returncode == 0
        if ready and find(server.folder) == process:
            return
        time.sleep(0.05)
    output = server.folder / LOG
    tail = "\n".join(output.read_text(errors="replace").splitlines()[-5:])
    raise ServiceFailed(f"PostgreSQL does not answer on port {server.port}; see {output}:\n{tail}")


def _workers(data: Path) -> list[Process]:
    """Every living process that works in the folder `data`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _works_in(int(entry.name), data):
            process = Process.of(int(entry.name))
            if process is not None:
                found.append(process)
    return found


def _works_in(pid: int, data: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return False  # it has ended, or is another user's


@contextmanager
def _opened(data: Path) -> Iterator[tuple[str, int]]:
    """A name for `data` that any user can follow who inherits the descriptor."""
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)


def _as_user() -> list[str]:
    """Command prefix with which root starts a program as `postgres`; empty for other users."""
    if os.geteuid() != 0:
        return []
    return ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
            "--no-new-privs", "--"]  # fmt: skip
