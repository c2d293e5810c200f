"""Parameters of the DAGs, and the arguments of `tulip` that pass them on."""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

ACQUISITION_ID = r"^(S2[A-D]|SIM)_[0-9]{2}[A-Z]{3}_[0-9]{8}_[0-9]{1,3}_(L1C|L2A)$"
"""JSON schema and Python read it alike; the command line checks day and tile as well."""


def option(name: str, param: str) -> str:
    """A template of `name=<value>` for a DAG parameter, empty where the parameter is null."""
    return f"{{{{ '' if params.{param} is none else '{name}=' ~ params.{param} }}}}"


def selection(first: str, *, since: str) -> tuple[dict[str, Param], tuple[str, ...]]:
    """The parameters that select acquisitions, and the arguments that pass them on.

    first: the command's option for the first day of sensing, which is the parameter `since`.
    since: what that parameter means.
    """
    options = {"area": "--area", "source": "--source", "since": first, "until": "--until"}
    params = {
        "area": _param("Name of one area of interest, as `tulip aoi list` shows it. Empty: all"
                       " areas."),
        "source": _param("Name of one source, such as archive, to query instead of each area's own."
                         " Empty: those, or TULIP_SOURCES."),
        "since": _param(since, format="date"),
        "until": _param("Last day of sensing, YYYY-MM-DD. Empty: today.", format="date"),
    }  # fmt: skip
    return params, tuple(option(name, param) for param, name in options.items())


def _param(description: str, **schema: str) -> Param:
    return Param(None, type=["null", "string"], description=description, **schema)


def acquisition_of(partition_key: str | None, params: dict[str, Any]) -> str:
    """The acquisition id of a run; fails without retry if there is none, or two."""
    asked = params["acquisition_id"]
    if partition_key and asked and partition_key != asked:
        raise AirflowFailException(
            f"the run is for the partition {partition_key} and its parameter acquisition_id is"
            f" {asked}: start one run for each"
        )
    acquisition_id = partition_key or asked
    if not acquisition_id:
        raise AirflowFailException(
            "no acquisition: start the DAG with the parameter acquisition_id, such as"
            ' {"acquisition_id": "S2B_31UFU_20260420_0_L2A"}, or with it as partition key'
        )
    if not re.fullmatch(ACQUISITION_ID, acquisition_id):
        raise AirflowFailException(
            f"{acquisition_id!r} is not an acquisition id; one looks like S2B_31UFU_20260420_0_L2A"
        )
    return str(acquisition_id)
