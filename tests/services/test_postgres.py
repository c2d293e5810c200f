"""A private PostgreSQL server: really started, killed, found again and ended."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tulip_ops.core.errors import ServiceFailed
from tulip_ops.services import apt, ports, postgres, processes
from tulip_ops.services import secrets as keys
from tulip_ops.services.processes import Process


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Below a folder that only its owner may enter, as a clone in /root is."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    yield closed / "postgres"
    postgres.stop(closed / "postgres")


def test_a_server_has_postgis_and_outlives_its_starter(folder: Path) -> None:
    server = postgres.start(folder, durable=False)
    server.run("create extension postgis; create table kept as select 7 as x")
    assert server.run("select round(st_area('POLYGON((0 0,2 0,2 1,0 0))'))") == "1"

    assert postgres.start(folder).port == server.port, "a running server is used, not doubled"
    server.stop()
    assert postgres.find(folder) is None
    assert postgres.stop(folder) is False
    assert postgres.start(folder, durable=False).run("select x from kept") == "7"


def test_nobody_gets_in_without_the_password(folder: Path) -> None:
    server = postgres.start(folder, durable=False)
    assert (folder / "password").stat().st_mode & 0o777 == 0o600
    assert server.password not in repr(server)
    with pytest.raises(ServiceFailed, match="password authentication failed"):
        replace(server, password="guess").run("select 1")


def test_a_killed_server_starts_again_on_its_port(folder: Path) -> None:
    server = postgres.start(folder)
    server.run("create table kept as select generate_series(1, 1000) as x")
    process = postgres.find(folder)
    assert process is not None
    process.signal(signal.SIGKILL)
    assert not processes.wait([process], 10)

    again = postgres.start(folder)
    assert again.port == server.port
    assert again.run("select count(*) from kept") == "1000"


def test_a_taken_port_is_left_to_its_owner(folder: Path) -> None:
    first = postgres.start(folder, durable=False)
    first.stop()
    with socket.create_server(("127.0.0.1", first.port)):
        second = postgres.start(folder, durable=False)
        assert second.port != first.port
        assert second.run("select 1") == "1"


def test_a_recycled_pid_is_not_killed_and_does_not_block(folder: Path) -> None:
    postgres.start(folder, durable=False).stop()
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        (folder / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n/elsewhere\n")
        assert postgres.stop(folder) is False
        assert postgres.start(folder, durable=False).run("select 1") == "1"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_initdb_is_repeated(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "base").mkdir()
    assert postgres.start(folder, durable=False).run("select 1") == "1"


def test_who_may_not_install_is_told_the_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "PG_VERSION").write_text("9\n")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    line = "sudo apt-get install --yes --no-install-recommends postgresql-9-postgis-3"
    with pytest.raises(ServiceFailed, match=line):
        postgres.start(folder)


def test_the_newest_installed_version_is_taken() -> None:
    binaries = apt.postgresql()
    assert (binaries / "initdb").exists()
    assert apt.postgresql(int(binaries.parent.name)) == binaries


APT = """#!/bin/sh
echo "$@" >> {folder}/asked
mkdir -p {folder}/lib/15/bin {folder}/share/15/extension
touch {folder}/lib/15/bin/initdb {folder}/share/15/extension/postgis.control
sleep 0.3 # unpacked, and not yet set up
touch {folder}/done
"""


def test_two_at_once_install_once_and_find_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"apt-get": APT.format(folder=tmp_path), "apt-cache": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name, place in {
        "BINARIES": "lib", "EXTENSIONS": "share", "CLUSTER_SETTINGS": "clusters", "LOCK": "lock",
    }.items():  # fmt: skip
        monkeypatch.setattr(apt, name, tmp_path / place)

    def find(_: int) -> tuple[Path, bool]:
        return apt.postgresql(), (tmp_path / "done").exists()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(find, range(2))) == [(tmp_path / "lib" / "15" / "bin", True)] * 2
    assert (tmp_path / "asked").read_text().splitlines() == [
        "install --yes --no-install-recommends postgresql-postgis"
    ]


def test_a_process_is_known_by_more_than_its_pid(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        alive = Process.of(stranger.pid)
        assert alive is not None
        assert alive.lives()
        for other in (replace(alive, started=alive.started - 1), replace(alive, boot="earlier")):
            note = tmp_path / "service.pid"
            processes.write_pid_file(other, note)
            assert processes.read_pid_file(note) is None
            processes.end([other], patience=0)
        assert stranger.poll() is None
        processes.end([alive], patience=10)
        assert stranger.wait() == -signal.SIGTERM
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', "
    script += "flush=True); time.sleep(60)"
    log = tmp_path / "stubborn.log"
    process = processes.start(
        [sys.executable, "-c", script], log=log, environment={"MARK": str(tmp_path)}
    )
    while not log.read_text():
        assert process.lives()
    assert processes.marked("MARK", str(tmp_path)) == [process]
    assert os.getsid(process.pid) == process.pid
    processes.end([process], patience=0.2)
    assert not process.lives()


def test_a_program_that_is_not_there_is_told_in_the_log(tmp_path: Path) -> None:
    with contextlib.suppress(ServiceFailed):  # it may end before or after we look
        process = processes.start(["/no/such"], log=tmp_path / "log", environment={})
        assert not processes.wait([process], 10)
    assert "/no/such" in (tmp_path / "log").read_text()


def test_a_broken_pid_file_names_nothing(tmp_path: Path) -> None:
    note = tmp_path / "service.pid"
    assert processes.read_pid_file(note) is None
    for text in ("", "12", json.dumps({"pid": 1})):
        note.write_text(text)
        assert processes.read_pid_file(note) is None


def test_a_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    first = ports.choose(tmp_path / "port")
    assert ports.choose(tmp_path / "port") == first
    with socket.create_server(("127.0.0.1", first)):
        assert not ports.is_free(first)
        assert ports.choose(tmp_path / "port") != first


def test_a_secret_is_made_once_and_readable_by_its_user_alone(tmp_path: Path) -> None:
    secret = keys.read_or_create(tmp_path / "secret")
    assert len(secret) >= 32
    assert keys.read_or_create(tmp_path / "secret") == secret
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
