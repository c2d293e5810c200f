"""The program `tulip`, and how a child process ends with its task."""

from __future__ import annotations

import ctypes
import shutil
import signal
import sys
from pathlib import Path

from airflow.sdk.exceptions import AirflowFailException

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def program() -> str:
    """The `tulip` of the PATH, else the one beside this Python."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("tulip") or shutil.which("tulip", path=beside)
    if found is None:
        raise AirflowFailException(
            f"the command tulip is neither on the PATH of Airflow nor in {beside}:"
            " install tulip_ops into Airflow's environment"
        )
    return found


def end_with_parent() -> None:
    """Ask the kernel to kill this child when its task is killed outright."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
