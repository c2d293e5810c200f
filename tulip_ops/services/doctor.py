"""Checks everything that the steps need. Each check names the problem and its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from tulip_ops.core.errors import TulipError
from tulip_ops.core.processing_settings import NetworkSettings
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings, StorageSettings
from tulip_ops.core.types import BANDS, NETWORK_STEPS

CLUSTER = "docs/how-to/kubernetes.md lists what pods need"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    """What to do; empty where nothing is wrong."""


def examine(settings: Settings) -> Iterator[Check]:
    """One `Check` per part, in order: a missing part blocks the next.

    Every source that discovery would ask for some area is asked.
    """
    parts: tuple[tuple[str, Callable[[], str], str], ...] = (
        (
            "database",
            partial(_database, settings.database),
            "start it with `make demo`, or set TULIP_DATABASE_URL",
        ),
        (
            "store",
            partial(_store, settings.storage),
            "set TULIP_STORE to a folder or s3://bucket/prefix that you may write",
        ),
        *(
            (f"source {name}", partial(_source, name, settings), _mend(name))
            for name in _sources(settings)
        ),
        ("areas", partial(_areas, settings.database), "add one with `tulip aoi add FILE`"),
        (
            "models",
            partial(_models, settings.networks),
            "restore models/ from the repository, or train with `tulip train`",
        ),
        ("airflow", partial(_airflow, settings.storage.state), "start it with `tulip local up`"),
        *(
            [("cluster", partial(_cluster, settings), CLUSTER)]
            if settings.execution.runtime == "kubernetes"
            else []
        ),
    )
    for name, look, remedy in parts:
        try:
            yield Check(name, ok=True, found=look())
        except TulipError as error:
            yield Check(name, ok=False, found=str(error), remedy=remedy)


def _database(settings: DatabaseSettings) -> str:
    from tulip_ops.postgis import connection, migrate, status

    with connection.connect(settings.writer_url(), "tulip doctor") as database:
        migrate.require_current(database)
        return status.versions(database)


def _store(settings: StorageSettings) -> str:
    from tulip_ops.storage.product_store import open_store

    return open_store(settings).probe()


def _sources(settings: Settings) -> tuple[str, ...]:
    """Of the settings and of all areas; of the settings alone while the database is away."""
    from tulip_ops.postgis import areas, connection
    from tulip_ops.sources import registry

    try:
        with connection.connect(settings.database.writer_url(), "tulip doctor") as database:
            wanted = areas.list_areas(database)
    except TulipError:  # the check of the database reports it
        wanted = []
    return tuple(
        dict.fromkeys((*settings.sources.order, *registry.orders(wanted, settings.sources)))
    )


def _source(name: str, settings: Settings) -> str:
    """Opened and asked; its errors name a missing or refused credential, and never show it."""
    from tulip_ops.sources import registry

    return registry.open_source(name, settings).describe()


def _mend(name: str) -> str:
    if name == "archive":
        return "add scenes with `tulip archive add FILE ...`, or set TULIP_ARCHIVE"
    return "set what it names, or wait until it answers; docs/how-to/sources.md has details"


def _areas(settings: DatabaseSettings) -> str:
    from tulip_ops.core.errors import AreaNotFound
    from tulip_ops.postgis import areas, connection

    with connection.connect(settings.writer_url(), "tulip doctor") as database:
        names = [area.name for area in areas.list_areas(database)]
    if not names:
        raise AreaNotFound("there is no area of interest, so discovery finds nothing")
    return ", ".join(names)


def _models(settings: NetworkSettings) -> str:
    from tulip_ops.ml.inference import model_registry

    cards = [
        model_registry.choose(settings.models, "cloud-filter", settings.cloud_filter, BANDS),
        model_registry.choose(settings.models, "unet", settings.unet, BANDS),
    ]
    for card in cards:
        model_registry.verify(card)
    return ", ".join(str(card.reference) for card in cards)


def _airflow(state: Path) -> str:
    if find_spec("airflow") is None:
        return "not installed in this environment, and no step needs it"
    from tulip_ops.services import airflow

    return airflow.health(state)


def _cluster(settings: Settings) -> str:
    from tulip_ops.services import pods

    pods.image(settings.kubernetes)
    pods.mounted_store(settings.storage)
    for step in NETWORK_STEPS:
        pods.environment(step, settings)
    if find_spec("kubernetes") is None:
        return "not asked: this environment has no client for it, Airflow's has one"
    from tulip_ops.services import kubernetes

    return kubernetes.describe(settings.kubernetes.namespace, settings.kubernetes.gpu_resource)
