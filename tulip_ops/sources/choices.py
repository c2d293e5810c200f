"""Which source is asked for which area, and which one next."""

from __future__ import annotations

from collections.abc import Iterable

from tulip_ops.domain import Area
from tulip_ops.errors import CredentialMissing, CredentialRefused, SourceUnavailable
from tulip_ops.settings import Settings
from tulip_ops.sources import Source, open_sources

AWAY = (SourceUnavailable, CredentialMissing, CredentialRefused)
"""Errors after which the next source is asked: this one gives nothing to anybody now."""


def order(area: Area, settings: Settings) -> tuple[str, ...]:
    """Names of the sources to ask for an area, the preferred one first."""
    return area.sources or settings.sources


def orders(areas: Iterable[Area], settings: Settings) -> tuple[str, ...]:
    """Names of the sources of all these areas, each once, in the order of the first that says."""
    return tuple(dict.fromkeys(name for area in areas for name in order(area, settings)))


def open_source(name: str, settings: Settings) -> Source:
    """One source alone, so that another one's settings cannot be in the way; `BadSetting`."""
    return open_sources(settings.model_copy(update={"sources": (name,)}))[name]
