"""What acquisitions say of the fields under them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tulip_ops.core.types import AcquisitionId, Field, Observation, Verdict
from tulip_ops.postgis.connection import Connection, query
from tulip_ops.postgis.field_seasons import FieldSeasonKey, key_columns


@dataclass(frozen=True, slots=True)
class Unobserved:
    """An acquisition, and the fields in it without an observation."""

    acquisition_id: AcquisitionId
    skipped: bool
    """True if the acquisition was skipped: it has no products, and its verdict is `not_seen`."""
    sha256: str
    """Of its recorded products; empty if it was skipped."""
    fields: tuple[Field, ...]


def unobserved(connection: Connection) -> list[Unobserved]:
    """Recorded or skipped acquisitions with fields that lack an observation, oldest first.

    An acquisition observes a field that intersects its footprint and the bounding box of one of
    its areas, or that has a detection in it. Only acquisitions and fields that are new or changed
    since the last history are considered.
    """
    rows = connection.execute(query("unobserved")).fetchall()
    return [
        Unobserved(AcquisitionId.parse(name), skipped, sha, tuple(Field(*row[3:]) for row in group))
        for (name, skipped, sha), group in groupby(rows, key=lambda row: row[:3])
    ]


def mark_observed(connection: Connection, unreadable: Iterable[AcquisitionId]) -> None:
    """Mark every acquisition as observed for every field, except the unreadable ones."""
    connection.execute(query("note_looked"), {"unable": [str(name) for name in unreadable]})


def write_observations(connection: Connection, observations: Sequence[Observation]) -> int:
    """Write observations in the place of older ones; returns the number of changed rows."""
    columns = {
        "field_id": [o.field_id for o in observations],
        "acquisition_id": [str(o.acquisition_id) for o in observations],
        "verdict": [str(o.verdict) for o in observations],
        "clear_fraction": [o.clear_fraction for o in observations],
        "tulip_probability": [o.tulip_probability for o in observations],
        "bloom_fraction": [o.bloom_fraction for o in observations],
    }
    return connection.execute(query("write_observations"), columns).rowcount


def observations_of(
    connection: Connection, keys: Sequence[FieldSeasonKey]
) -> dict[FieldSeasonKey, list[Observation]]:
    """One observation per field and overpass, oldest first.

    Of several datastrips of an overpass, the newest one that saw the field is used.
    """
    found: dict[FieldSeasonKey, list[Observation]] = {}
    for field_id, season, name, verdict, *rest in connection.execute(
        query("stale_observations"), key_columns(keys)
    ):
        said = Observation(field_id, AcquisitionId.parse(name), Verdict(verdict), *rest)
        found.setdefault((field_id, season), []).append(said)
    return found
