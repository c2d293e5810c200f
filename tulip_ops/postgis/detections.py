"""Detections of acquisitions, recorded in one transaction each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely

from tulip_ops.core.errors import AcquisitionNotFound, DatabaseUnavailable
from tulip_ops.core.types import AcquisitionId, Detection, ModelReference
from tulip_ops.postgis import locks
from tulip_ops.postgis.connection import Connection, query, transaction

_COLUMNS = """
    acquisition_id, ordinal, unet_id, cloud_filter_id, geometry, area_m2, tulip_probability,
    tulip_probability_std, bloom_fraction, clear_fraction, border_clear_fraction, run_id
"""
_COPY = f"copy tulip.detection ({_COLUMNS}) from stdin (format binary)".encode()
_STAGE = f"copy staged_detection ({_COLUMNS}) from stdin (format binary)".encode()
_COPY_TYPES = ("text", "int4", "int4", "int4", "bytea", "float8", "float4", "float4", "float4",
               "float4", "float4", "text")  # fmt: skip


class Season(NamedTuple):
    """One year of either simulated or real acquisitions, which never share a field."""

    year: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """Result of `record_detections`."""

    rows: int
    """Detections of the acquisition in the database."""
    changed: bool
    """False if the same file was recorded before."""


def record_detections(
    connection: Connection,
    acquisition_id: AcquisitionId,
    detections: Sequence[Detection],
    *,
    unet: ModelReference,
    cloud_filter: ModelReference,
    sha256: str,
    run_id: str,
) -> Recorded:
    """Replace the detections of an acquisition, in one transaction.

    sha256: of the products that they come from; if it is recorded already, nothing changes.
    Otherwise the observations of the acquisition are removed as well, and the next history makes
    them again; seasons that rest on another U-Net are archived. Unchanged detections keep their
    rows. `AcquisitionNotFound`.
    """
    name = str(acquisition_id)
    with transaction(connection):
        locks.block_history(connection)
        row = connection.execute(query("lock_detections"), {"id": name}).fetchone()
        if row is None:
            raise AcquisitionNotFound(f"{name} is not in the ledger; run `tulip discover`")
        if row[0] == sha256:
            return Recorded(len(detections), changed=False)
        models = [_model_id(connection, model) for model in (unet, cloud_filter)]
        connection.execute(query("keep_past_seasons"), {"id": name, "unet_id": models[0]})
        connection.execute(query("forget_observations"), {"id": name})
        _replace(connection, name, models, detections, run_id)
        connection.execute(
            query("note_detections"), {"id": name, "sha256": sha256, "unet_id": models[0]}
        )
    return Recorded(len(detections), changed=True)


def _replace(
    connection: Connection,
    name: str,
    models: Sequence[int],
    detections: Sequence[Detection],
    run_id: str,
) -> None:
    """Replace the rows of an acquisition; `DatabaseUnavailable` unless all rows arrive.

    Without older detections, the rows are copied directly into the table. Otherwise they are
    staged, and an upsert changes only the rows that differ.
    """
    known = _count(connection, name)
    if known:
        connection.execute(query("stage_detections"))
    arrived = _copy(connection, _STAGE if known else _COPY, name, models, detections, run_id)
    if known:
        connection.execute(query("remove_detections"), {"id": name})
        connection.execute(query("upsert_detections"))
    found = _count(connection, name)
    if not arrived == found == len(detections):
        raise DatabaseUnavailable(
            f"the database took {min(arrived, found)} of {len(detections)} detections of {name};"
            " nothing was recorded, repeat the step"
        )


def _count(connection: Connection, name: str) -> int:
    row = connection.execute(query("count_detections"), {"id": name}).fetchone() or (0,)
    return int(row[0])


def seasons(connection: Connection) -> list[Season]:
    """All seasons with acquisitions that are, or were, recorded or skipped."""
    return [Season(*row) for row in connection.execute(query("seasons"))]


def detections_of(
    connection: Connection, season: Season
) -> list[tuple[int, AcquisitionId, Detection]]:
    """All detections of a season with their ids, sorted by acquisition and ordinal."""
    rows = connection.execute(query("detections_of"), season._asdict())
    return [
        (detection_id, AcquisitionId.parse(name), Detection(*rest))
        for detection_id, name, *rest in rows
    ]


def _model_id(connection: Connection, model: ModelReference) -> int:
    key = {"name": model.name, "version": model.version, "sha256": model.sha256}
    connection.execute(query("add_model"), key)
    row = connection.execute(query("find_model"), key).fetchone()
    assert row is not None  # noqa: S101 - models are never deleted
    return int(row[0])


def _copy(
    connection: Connection,
    statement: bytes,
    name: str,
    models: Sequence[int],
    detections: Sequence[Detection],
    run_id: str,
) -> int:
    """COPY the detections of the acquisition; returns the server's count of rows."""
    geometries = np.array([d.geometry for d in detections], dtype=object)
    binaries = shapely.to_wkb(shapely.set_srid(geometries, 4326), include_srid=True)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            copy.set_types(_COPY_TYPES)
            for detection, binary in zip(detections, binaries, strict=True):
                copy.write_row((
                    name, detection.ordinal, *models, binary, detection.area_m2,
                    detection.tulip_probability, detection.tulip_probability_std,
                    detection.bloom_fraction, detection.clear_fraction,
                    detection.border_clear_fraction, run_id,
                ))  # fmt: skip
        return cursor.rowcount
