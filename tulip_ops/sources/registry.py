"""The sources by name, and the order in which they are queried for each area."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

from tulip_ops.core.errors import (
    ArchiveNotFound,
    BadSetting,
    CredentialMissing,
    CredentialRefused,
    SourceUnavailable,
    TulipError,
)
from tulip_ops.core.settings import Settings
from tulip_ops.core.source_settings import SourceSettings
from tulip_ops.core.types import Acquisition, AcquisitionId, Area
from tulip_ops.sources.base import Source
from tulip_ops.sources.stac.providers import BUILT_IN

log = logging.getLogger(__name__)

UNAVAILABLE = (SourceUnavailable, CredentialMissing, CredentialRefused, BadSetting, ArchiveNotFound)
"""Errors after which the next source is queried, because this one is unusable for now. A spent
budget is not among them: it must stop the query."""


def order(area: Area, settings: SourceSettings) -> tuple[str, ...]:
    """Names of the sources to query for an area, the preferred one first."""
    return area.sources or settings.order


def orders(areas: Iterable[Area], settings: SourceSettings) -> tuple[str, ...]:
    """Names of the sources of all these areas, each once, in order of first mention."""
    return tuple(dict.fromkeys(name for area in areas for name in order(area, settings)))


def open_source(name: str, settings: Settings) -> Source:
    """The source of that name; `BadSetting` for an unknown one."""
    # the libraries of a source take a second to import, and most commands do not need them
    if name in {"sentinel-hub", "sentinel-hub-wms"}:
        from tulip_ops.sources.sentinel_hub.source import open_sentinel_hub  # noqa: PLC0415

        return open_sentinel_hub(name, settings)
    if name == "l1c":
        from tulip_ops.sources.aws_l1c import L1C  # noqa: PLC0415

        return L1C(settings.sources.l1c_bucket, endpoint=settings.sources.l1c_endpoint)
    if name == "archive":
        from tulip_ops.sources.archive.source import Archive  # noqa: PLC0415

        return Archive(settings.storage.archive_place, settings.storage.s3_endpoint)
    return _open_stac_source(name, settings.sources)


def offers(
    acquisition_id: AcquisitionId,
    names: Sequence[str],
    settings: Settings,
    errors: list[TulipError],
) -> Iterator[tuple[Acquisition, Source]]:
    """The sources that offer the acquisition, in order, queried one by one.

    errors: collects the errors of unavailable sources.
    """
    for name in names:
        try:
            source = open_source(name, settings)
            found = source.find(acquisition_id)
        except UNAVAILABLE as error:
            log.warning("source %s is away: %s", name, error)
            errors.append(error)
            continue
        if found is not None:
            yield found, source


def open_sources(settings: Settings) -> dict[str, Source]:
    """The sources that the settings name, in their order; `BadSetting` for an unknown one."""
    return {name: open_source(name, settings) for name in settings.sources.order}


def _open_stac_source(name: str, settings: SourceSettings) -> Source:
    apis = {**BUILT_IN, **settings.stac_apis}
    if name not in apis:
        known = ["archive", "sentinel-hub", "sentinel-hub-wms", "l1c", *apis]
        raise BadSetting(
            f"TULIP_SOURCES names {name!r}; there are {', '.join(known)}, and what"
            " TULIP_STAC_APIS configures"
        )
    from tulip_ops.sources.stac.source import StacSource  # noqa: PLC0415

    headers = settings.stac_headers.get(name, {})
    plain_headers = {key: secret.get_secret_value() for key, secret in headers.items()}
    return StacSource(name, apis[name], plain_headers)
