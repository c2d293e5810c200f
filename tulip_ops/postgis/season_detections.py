"""What the looks of a season at one tile show together: which looks count, and what was drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from tulip_ops.core.types import AcquisitionId, SeasonDetection, SeasonTile
from tulip_ops.postgis.connection import Connection, query, wkb
from tulip_ops.postgis.detections import Season

if TYPE_CHECKING:
    from shapely.geometry import Polygon

BloomWindow: TypeAlias = tuple[str, str]
"""First and last month-day, such as ("03-20", "06-05"), both included."""


@dataclass(frozen=True, slots=True)
class Look:
    """An acquisition that counts for its season."""

    acquisition_id: AcquisitionId
    sensed_at: datetime
    """UTC."""
    sha256: str
    """Of what was recorded of it."""


def take_changes(connection: Connection, years: Sequence[int]) -> list[SeasonTile]:
    """Tiles and seasons in which another set of looks counts than before; they are noted as done.

    years: whose; none means all.
    """
    rows = connection.execute(query("take_changes"), {"years": list(years)})
    return [SeasonTile(*row) for row in rows]


def count_changes(connection: Connection) -> int:
    """How many tiles and seasons the next history has to draw anew."""
    row = connection.execute(query("count_changes")).fetchone() or (0,)
    return int(row[0])


def mark_changed(connection: Connection, season_tile: SeasonTile) -> None:
    """Make the next history draw this tile and season anew."""
    connection.execute(query("note_change"), _key(season_tile))


def mark_all_changed(connection: Connection) -> None:
    """Make the next history draw everything anew, for example after another choice of outlines."""
    connection.execute(query("note_all"))


def looks(connection: Connection, season_tile: SeasonTile, window: BloomWindow) -> list[Look]:
    """The looks inside the bloom window that count for a tile and season, by acquisition id."""
    values = {**_key(season_tile), "first": window[0], "last": window[1]}
    rows = connection.execute(query("season_looks"), values)
    return [Look(AcquisitionId.parse(name), sensed_at, sha) for name, sensed_at, sha in rows]


def is_drawn(connection: Connection, season_tile: SeasonTile) -> bool:
    """Whether the tile and season have season detections."""
    return bool(connection.execute(query("tile_detections"), _key(season_tile)).fetchone())


def replace(
    connection: Connection, season_tile: SeasonTile, drawn: Sequence[SeasonDetection]
) -> list[Polygon]:
    """Make `drawn` all that the season shows at the tile; returns the outlines that differ.

    Left out is what no acquisition's detections overlap: it lies outside the areas, or on ground
    that no single look takes for tulips. Rows that stay as they were are not touched.
    """
    shown = _shown(connection, season_tile, drawn)
    rows = connection.execute(query("tile_detections"), _key(season_tile)).fetchall()
    known = {_content(SeasonDetection(*row[1:])): row[0] for row in rows}
    new = [one for one in shown if known.pop(_content(one), None) is None]
    gone = [SeasonDetection(*row[1:]) for row in rows if row[0] in set(known.values())]
    connection.execute(query("remove_season_detections"), {"ids": list(known.values())})
    columns = {
        "geometries": [wkb(one.geometry) for one in new],
        "areas": [one.area_m2 for one in new],
        "probabilities": [one.tulip_probability for one in new],
        "edges": [one.touches_edge for one in new],
    }
    connection.execute(query("add_season_detections"), {**_key(season_tile), **columns})
    return [one.geometry for one in (*gone, *new)]


def near(
    connection: Connection, season: Season, outlines: Iterable[Polygon]
) -> list[tuple[int, str, SeasonDetection]]:
    """(id, tile, season detection) of what lies near any of the outlines, by tile and id."""
    values = {**season._asdict(), "outlines": [wkb(outline) for outline in outlines]}
    rows = connection.execute(query("season_detections_near"), values)
    return [(number, tile, SeasonDetection(*rest)) for number, tile, *rest in rows]


def ground(connection: Connection, season: Season) -> list[Polygon]:
    """All outlines of a season: what it shows, and what it showed at the last history."""
    return [row[0] for row in connection.execute(query("season_ground"), season._asdict())]


def _shown(
    connection: Connection, season_tile: SeasonTile, drawn: Sequence[SeasonDetection]
) -> list[SeasonDetection]:
    values = {**_key(season_tile), "geometries": [wkb(one.geometry) for one in drawn]}
    numbers = connection.execute(query("shown_outlines"), values)
    return [drawn[number - 1] for (number,) in numbers]


def _content(one: SeasonDetection) -> tuple[bytes, float, bool]:
    """What makes two of them the same; the area follows from the outline."""
    return one.geometry.wkb, round(one.tulip_probability, 6), one.touches_edge


def _key(season_tile: SeasonTile) -> dict[str, object]:
    return {
        "season": season_tile.season,
        "simulated": season_tile.simulated,
        "tile": season_tile.tile,
    }
