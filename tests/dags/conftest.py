"""Airflow with a home of its own and no database, and commands that stand in for `tulip`."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG


@pytest.fixture(scope="package", autouse=True)
def _airflow_home(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Before anything imports Airflow, which reads its configuration then."""
    home = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "TULIP_"))]:
            patch.delenv(name)
        patch.setenv("AIRFLOW_HOME", str(home))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(repository / "plugins"))
        patch.setenv("_AIRFLOW__AS_LIBRARY", "1")  # do not configure logging and a database
        patch.syspath_prepend(repository / "plugins")
        yield


@pytest.fixture(scope="package")
def bag(repository: Path) -> "DagBag":
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(repository / "dags", safe_mode=False)


@pytest.fixture(scope="package")
def dags(bag: "DagBag") -> "dict[str, DAG]":
    assert bag.import_errors == {}
    return bag.dags


@pytest.fixture(scope="package")
def steps() -> ModuleType:
    from tulip_airflow import tasks

    return tasks


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a `tulip` on the PATH that runs this Python code."""

    def write(code: str) -> None:
        program = tmp_path / "bin" / "tulip"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!{sys.executable}\n{code}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return write
