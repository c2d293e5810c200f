"""Is everything there that the steps need? Each check says what is wrong and what to do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tulip_ops.domain import BANDS
from tulip_ops.errors import TulipError
from tulip_ops.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    """What to do; empty where nothing is wrong."""


def examine(settings: Settings) -> Iterator[Check]:
    """One `Check` a part, in the order in which a missing part hinders the next."""
    parts: tuple[tuple[str, Callable[[Settings], str], str], ...] = (
        ("database", _database, "start it with `make demo`, or set TULIP_DATABASE_URL"),
        ("store", _store, "set TULIP_STORE to a folder that this user may write"),
        ("sources", _sources, "add scenes with `tulip archive add FILE ...`, or set TULIP_ARCHIVE"),
        ("areas", _areas, "add one with `tulip aoi add FILE`"),
        ("models", _models, "restore models/ from the repository, or train with `tulip train`"),
        ("airflow", _airflow, "start it with `tulip local up`"),
    )
    for name, look, remedy in parts:
        try:
            yield Check(name, ok=True, found=look(settings))
        except TulipError as error:
            yield Check(name, ok=False, found=str(error), remedy=remedy)


def _database(settings: Settings) -> str:
    from tulip_ops.postgis import connection, migrations, status

    with connection.connect(settings.writer_url(), "tulip doctor") as database:
        migrations.require_current(database)
        return status.versions(database)


def _store(settings: Settings) -> str:
    from tulip_ops.errors import BadSetting
    from tulip_ops.store import Store

    Store(settings.store_place)
    folder = Path(settings.store_place)
    nearest = next(parent for parent in (folder, *folder.resolve().parents) if parent.is_dir())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise BadSetting(f"{folder} cannot be written: {os.strerror(error.errno or 0)}") from None
    return str(folder.resolve())


def _sources(settings: Settings) -> str:
    from tulip_ops.sources import open_sources

    return "; ".join(source.describe() for source in open_sources(settings).values())


def _areas(settings: Settings) -> str:
    from tulip_ops.errors import AreaNotFound
    from tulip_ops.postgis import areas, connection

    with connection.connect(settings.writer_url(), "tulip doctor") as database:
        names = [area.name for area in areas.list_areas(database)]
    if not names:
        raise AreaNotFound("there is no area of interest, so discovery finds nothing")
    return ", ".join(names)


def _models(settings: Settings) -> str:
    from tulip_ops.networks import registry

    cards = [
        registry.choose(settings.models, "cloud-filter", settings.cloud_filter, BANDS),
        registry.choose(settings.models, "unet", settings.unet, BANDS),
    ]
    for card in cards:
        registry.verify(card)
    return ", ".join(str(card.reference) for card in cards)


def _airflow(settings: Settings) -> str:
    if find_spec("airflow") is None:
        return "not installed in this environment, and no step needs it"
    from tulip_ops.local import airflow

    return airflow.health(settings)
