"""A history in the tables as it would be after `tulip history`, without the thinking."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from shapely.geometry import Polygon

from tests.postgis.conftest import Examples
from tulip_ops.core.types import AcquisitionId, SeasonDetection, SeasonTile
from tulip_ops.fields import season_fields
from tulip_ops.pipeline.history_products import Drawn
from tulip_ops.postgis.connection import Connection, wkb
from tulip_ops.postgis.season_detections import Look
from tulip_ops.raster.projection import geodesic_area

SURE = {"bloomed": 0.9375, "not_bloomed": 0.96875, "not_seen": 0.0}
"""The confidence of each verdict, unless a test says otherwise."""


class FieldsOfDetections:
    """`HistoryProducts` without products: a season shows what its acquisitions' detections show."""

    problems: ClassVar[dict[AcquisitionId, str]] = {}

    def __init__(self, database: Connection) -> None:
        self.database = database

    def season_detections(
        self, season_tile: SeasonTile, looks: Sequence[Look], *, is_drawn: bool
    ) -> Drawn:
        del season_tile, is_drawn
        rows = self.database.execute(
            "select detection_id, acquisition_id, geometry, area_m2, tulip_probability"
            " from tulip.detection where acquisition_id = any(%s)",
            [[str(look.acquisition_id) for look in looks]],
        )
        shown = [(number, name, SeasonDetection(*rest)) for number, name, *rest in rows]
        return Drawn(
            [self.drawn(f.geometry, f.area_m2) for f in season_fields.cluster(shown)],
            is_complete=True,
        )

    def drawn(self, outline: Polygon, area_m2: float) -> SeasonDetection:
        """A field as the season draws it."""
        return SeasonDetection(outline, area_m2, 0.875)


def add_fields(
    connection: Connection, places: list[int], *, simulated: bool = False
) -> dict[int, int]:
    """Fields at the places; returns their ids by place."""
    ids = {}
    for place in places:
        shape = Examples.field(place)
        row = connection.execute(
            "insert into tulip.field (simulated, geometry, area_m2)"
            " values (%s, %s, %s) returning field_id",
            [simulated, wkb(shape), geodesic_area(shape)],
        ).fetchone()
        assert row is not None
        ids[place] = row[0]
    return ids


def look(connection: Connection, acquisition: str, verdicts: Mapping[int, str]) -> None:
    """What an acquisition says, by field id: bloom, no_bloom or not_seen."""
    for field_id, verdict in verdicts.items():
        figures = (0.0, None, None) if verdict == "not_seen" else (1.0, 0.875, 0.25)
        connection.execute(
            "insert into tulip.observation (field_id, acquisition_id, verdict, clear_fraction,"
            " tulip_probability, bloom_fraction) values (%s, %s, %s, %s, %s, %s)",
            [field_id, acquisition, verdict, *figures],
        )


def sum_up(connection: Connection, season: int, verdicts: Mapping[int, str]) -> None:
    """What a season says, by field id: bloomed, not_bloomed or not_seen."""
    for field_id, verdict in verdicts.items():
        bloomed = verdict == "bloomed"
        day = f"{season}-04-20" if bloomed else None
        connection.execute(
            "insert into tulip.field_season (field_id, season, verdict, clear_looks, area_m2,"
            " onset_earliest, onset_latest, peak, end_earliest, end_latest, peak_bloom_fraction,"
            " confidence) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [field_id, season, verdict, 0 if verdict == "not_seen" else 2,
             123_456.0 if bloomed else None, f"{season}-04-15" if bloomed else None,
             day, day, day, None, 0.25 if bloomed else None, SURE[verdict]],
        )  # fmt: skip
