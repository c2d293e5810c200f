"""Airflow's four services on this machine, over PostgreSQL, all in one state folder.

`<state>/airflow/airflow.cfg` holds everything that Airflow must know, so that a person needs
`AIRFLOW_HOME` alone to use its command line.
"""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tulip_ops.core.errors import ServiceFailed
from tulip_ops.core.settings import inherited_environment
from tulip_ops.services import airflow_config, ports, processes
from tulip_ops.services import secrets as keys
from tulip_ops.services.airflow_client import Rest, await_health
from tulip_ops.services.airflow_config import USER, AirflowConfig
from tulip_ops.services.processes import Process

log = logging.getLogger(__name__)

SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
LISTENING = ("api-server", "scheduler", "triggerer")
"""Services with a port: the web interface, and two log servers."""
MARKER_VARIABLE = "TULIP_LOCAL_SERVICE"
"""Environment variable by which all descendants of a service are found again."""


@dataclass(frozen=True, slots=True)
class Airflow:
    """The installation below one state folder, running or not."""

    state: Path
    """Absolute."""

    @property
    def home(self) -> Path:
        return self.state / "airflow"

    @property
    def passwords(self) -> Path:
        """JSON of user and password, readable by its owner alone."""
        return self.home / "passwords.json"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port('api-server')}"

    def port(self, service: str) -> int:
        return int((self.home / f"{service}.port").read_text())

    def pid_file(self, service: str) -> Path:
        return self.state / "run" / f"{service}.pid"

    def log_file(self, service: str) -> Path:
        return self.state / "log" / f"{service}.log"

    def rest(self) -> Rest:
        """Its REST API, as the user who owns it."""
        return Rest(self.url, USER, json.loads(self.passwords.read_text())[USER])

    def running(self) -> dict[str, Process | None]:
        return {service: processes.read_pid_file(self.pid_file(service)) for service in SERVICES}

    def start(self, plan: AirflowConfig, *, new_database: bool, patience: float = 240.0) -> None:
        """Start all services and wait until they are healthy; unchanged ones keep running.

        Migrates Airflow's tables to its version if needed, which takes ten seconds. new_database:
        the tables are missing, even if they were migrated before.
        """
        for folder in (self.home, self.state / "run", self.state / "log"):
            folder.mkdir(parents=True, exist_ok=True)
        self._end_leftovers()
        chosen = {service: self._choose_port(service) for service in LISTENING}
        text = airflow_config.configuration(plan, self.home, chosen, self.state / "keys")
        environment = airflow_config.environment(
            plan, self.home, Path(sys.executable).parent, inherited_environment()
        )
        started, migrated = self.state / "run" / "airflow.started", self.home / "migrated"
        current = _fingerprint(text, environment)
        if new_database:
            migrated.unlink(missing_ok=True)
        if not started.exists() or started.read_text() != current:
            self.stop()
            keys.write(self.home / "airflow.cfg", text)
            if not self.passwords.exists():
                keys.write(self.passwords, json.dumps({USER: keys.password()}))
        tables = hashlib.sha256(f"{version('apache-airflow')} {plan.database_url}".encode())
        if not migrated.exists() or migrated.read_text() != tables.hexdigest():
            self.stop()
            self._migrate(environment)
            migrated.write_text(tables.hexdigest())
        started.write_text(current)
        for service, process in self.running().items():
            if process is None:
                self._launch(service, environment)
        logs = f"the logs in {self.state / 'log'}"
        await_health(self._problems_at_start, "Airflow", logs, patience, pause=0.5)

    def stop(self) -> bool:
        """End every service and its child processes; returns whether any were running."""
        services = [process for process in self.running().values() if process is not None]
        processes.end(services, patience=8.0)
        left = self._descendants(SERVICES)
        processes.end(left, patience=5.0)
        for service in SERVICES:
            self.pid_file(service).unlink(missing_ok=True)
        return bool(services or left)

    def unhealthy(self) -> list[str]:
        """Services that do not run or are unhealthy, in words; `ServiceFailed` without response."""
        dead = [service for service, process in self.running().items() if process is None]
        if dead:
            return [f"{service} does not run" for service in dead]
        with self.rest() as rest:
            rest.get("version")  # refused where another Airflow has our port
            return rest.unhealthy()

    def _descendants(self, services: Iterable[str]) -> list[Process]:
        marks = [str(self.pid_file(service)) for service in services]
        return [one for mark in marks for one in processes.marked(MARKER_VARIABLE, mark)]

    def _end_leftovers(self) -> None:
        """End the workers, log servers and tasks of services that were killed."""
        dead = [service for service, process in self.running().items() if process is None]
        processes.end(self._descendants(dead), patience=5.0)

    def _choose_port(self, service: str) -> int:
        if processes.read_pid_file(self.pid_file(service)) is not None:
            return self.port(service)
        return ports.choose(self.home / f"{service}.port")

    def _migrate(self, environment: Mapping[str, str]) -> None:
        output = self.state / "log" / "airflow-migration.log"
        with output.open("w") as file:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            raise ServiceFailed(f"`airflow db migrate` failed; see {output}:\n{_tail(output)}")

    def _launch(self, service: str, environment: Mapping[str, str]) -> None:
        process = processes.start(
            [sys.executable, "-m", "airflow", service],
            log=self.log_file(service),
            environment={**environment, MARKER_VARIABLE: str(self.pid_file(service))},
        )
        processes.write_pid_file(process, self.pid_file(service))

    def _problems_at_start(self) -> list[str]:
        """As `unhealthy`, or that Airflow does not respond yet.

        `ServiceFailed` with the end of its log if a service has ended.
        """
        for service, process in self.running().items():
            if process is None:
                file = self.log_file(service)
                raise ServiceFailed(f"Airflow's {service} ended; see {file}:\n{_tail(file)}")
        try:
            with self.rest() as rest:
                rest.warm_up()
            return self.unhealthy()
        except ServiceFailed as error:
            return [str(error)]


def health(state: Path) -> str:
    """URL of the local Airflow; `ServiceFailed` names the unhealthy component."""
    airflow = Airflow(state.absolute())
    wrong = airflow.unhealthy()
    if wrong:
        raise ServiceFailed("; ".join(wrong))
    return f"{airflow.url}, all services healthy"


def _fingerprint(text: str, environment: Mapping[str, str]) -> str:
    """Tells whether running services were started the same way."""
    ours = {name: value for name, value in environment.items() if name.startswith("TULIP_")}
    known = json.dumps([version("apache-airflow"), sys.executable, text, ours], sort_keys=True)
    return hashlib.sha256(known.encode()).hexdigest()


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-15:])
