"""Configuration of Airflow's services: the text of airflow.cfg, and their environment."""

from __future__ import annotations

import configparser
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tulip_ops.services import secrets as keys

USER = "admin"


@dataclass(frozen=True, slots=True)
class AirflowConfig:
    """Configuration of one Airflow."""

    dags: Path
    plugins: Path
    database_url: str = field(repr=False)
    """PostgreSQL for Airflow's own tables, as postgresql://..."""
    settings: Mapping[str, str]
    """TULIP_ variables for the services and the tasks; paths absolute."""
    parallelism: int
    """Tasks that run at once, each in a process that is forked beforehand."""


def configuration(config: AirflowConfig, home: Path, ports: Mapping[str, int], secret: Path) -> str:
    """The text of airflow.cfg: what must differ from Airflow's defaults, and nothing else.

    ports: by the name of the service that listens. secret: folder of the generated keys.
    """
    site = f"http://127.0.0.1:{ports['api-server']}"
    sections: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": config.dags,
            "plugins_folder": config.plugins,
            "executor": "LocalExecutor",
            "parallelism": config.parallelism,
            "load_examples": False,
            "fernet_key": keys.read_or_create(secret / "airflow-fernet", keys.fernet_key),
            "execution_api_server_url": f"{site}/execution/",
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": home / "passwords.json",
            # The default asks the name server, which may be slow.
            "hostname_callable": "socket.gethostname",
        },
        "database": {"sql_alchemy_conn": sqlalchemy_url(config.database_url)},
        "logging": {
            "base_log_folder": home / "logs",
            "dag_processor_child_process_log_directory": home / "logs" / "dag_processor",
            "colored_console_log": False,
            "worker_log_server_port": ports["scheduler"],
            "trigger_log_server_port": ports["triggerer"],
        },
        "api": {
            "instance_name": "tulip_ops",
            "host": "127.0.0.1",
            "port": ports["api-server"],
            "base_url": site,
            "workers": 1,
            "secret_key": keys.read_or_create(secret / "airflow-api", keys.long_key),
        },
        "api_auth": {"jwt_secret": keys.read_or_create(secret / "airflow-jwt", keys.long_key)},
        "dag_processor": {
            # The default below /tmp belongs to the first user who started one.
            "dag_bundle_storage_path": home / "bundles",
            "refresh_interval": 20,
            "print_stats_interval": 600,
        },
    }
    parser = configparser.ConfigParser(interpolation=None)
    for section, options in sections.items():
        parser[section] = {name: str(value).replace("%", "%%") for name, value in options.items()}
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def environment(
    config: AirflowConfig, home: Path, programs: Path, inherited: Mapping[str, str]
) -> dict[str, str]:
    """All variables of the services.

    programs: folder of this environment's programs, first on the PATH of the tasks.
    """
    near = ",".join(filter(None, [inherited.get("no_proxy"), "127.0.0.1", "localhost"]))
    return {
        **inherited,
        **config.settings,
        "AIRFLOW_HOME": str(home),
        "PATH": f"{programs}:{inherited.get('PATH', '/usr/bin:/bin')}",
        "PYTHONUNBUFFERED": "1",
        # A process title would overwrite the environment by which we find processes again.
        "SPT_NOENV": "1",
        "no_proxy": near,
        "NO_PROXY": near,
    }


def sqlalchemy_url(url: str) -> str:
    """The same database, with the driver that Airflow's environment has."""
    return "postgresql+psycopg2://" + url.partition("://")[2]
