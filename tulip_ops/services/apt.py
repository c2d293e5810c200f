"""PostgreSQL and PostGIS from Debian's packages: find them, or have apt install them."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tulip_ops.core.errors import ServiceFailed

log = logging.getLogger(__name__)

BINARIES = Path("/usr/lib/postgresql")
EXTENSIONS = Path("/usr/share/postgresql")
CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.d")
LOCK = Path("/run/lock/tulip_ops-packages")


def postgresql(major: int | None = None) -> Path:
    """Folder of the programs of a PostgreSQL that has PostGIS, installed first where we may.

    Of several versions the newest, or `major` where data of that version are already there.
    `ServiceFailed` has the one apt line if only root can continue.
    """
    with alone():
        found = _installed(major)
        if found is not None:
            return found
        package = "postgresql-postgis" if major is None else f"postgresql-{major}-postgis-3"
        _install(package)
        found = _installed(major)
    if found is None:
        raise ServiceFailed(
            f"apt installed {package}, and there is still no PostgreSQL with PostGIS below"
            f" {BINARIES}; set TULIP_DATABASE_URL to a database that has it"
        )
    return found


def _installed(major: int | None) -> Path | None:
    versions = sorted(
        int(control.parent.parent.name)
        for control in EXTENSIONS.glob("*/extension/postgis.control")
        if control.parent.parent.name.isdigit()
        and (BINARIES / control.parent.parent.name / "bin" / "initdb").exists()
    )
    if major is not None:
        versions = [version for version in versions if version == major]
    return BINARIES / str(versions[-1]) / "bin" if versions else None


def _install(package: str) -> None:
    line = f"apt-get install --yes --no-install-recommends {package}"
    if os.geteuid() != 0:
        raise ServiceFailed(
            f"PostGIS is not installed; run this once and repeat:\n\n    sudo {line}\n\n"
            "or set TULIP_DATABASE_URL to a PostgreSQL that has PostGIS"
        )
    log.info("installing %s with apt", package)
    with _no_main_cluster():
        known = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False)
        if known.returncode != 0:
            _apt(["apt-get", "update"])
        _apt(line.split())


@contextmanager
def alone() -> Iterator[None]:
    """Admit one process at a time, so that none finds an incomplete installation.

    Users other than root do not install, and do not wait.
    """
    if os.geteuid() != 0:
        yield
        return
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _no_main_cluster() -> Iterator[None]:
    """Prevent Debian from creating and starting a cluster of its own on port 5432."""
    CLUSTER_SETTINGS.mkdir(parents=True, exist_ok=True)
    setting = CLUSTER_SETTINGS / "tulip_ops.conf"
    setting.write_text("create_main_cluster = false\n")
    try:
        yield
    finally:
        setting.unlink()


def _apt(command: list[str]) -> None:
    done = subprocess.run(
        ["env", "DEBIAN_FRONTEND=noninteractive", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServiceFailed(f"`{' '.join(command)}` failed:\n{done.stderr.strip()[-2000:]}")
