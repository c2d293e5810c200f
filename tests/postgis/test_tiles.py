"""Vector tiles, decoded by GDAL as a map would."""

import math
from pathlib import Path

import geopandas
import pytest

from tests.postgis import histories
from tests.postgis.conftest import Examples
from tulip_ops.postgis import areas
from tulip_ops.postgis.connection import Connection

Z = 12


def tile_of(longitude: float, latitude: float, z: int) -> tuple[int, int]:
    y = math.asinh(math.tan(math.radians(latitude))) / math.pi
    return int((longitude / 360 + 0.5) * 2**z), int((0.5 - y / 2) * 2**z)


def decoded(tile: bytes, z: int, x: int, y: int, folder: Path) -> geopandas.GeoDataFrame:
    path = folder / str(z) / str(x) / f"{y}.pbf"  # where GDAL reads the place of a tile from
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tile)
    return geopandas.read_file(path, layer="fields", engine="pyogrio").to_crs(4326)


@pytest.fixture
def fields(database: Connection) -> list[int]:
    """Two fields; one, in an area, bloomed in 2024, and neither was seen in 2025."""
    areas.add_area(database, Examples.area("west", [0]))
    ids = list(histories.add_fields(database, [0, 1]).values())
    histories.sum_up(database, 2024, {ids[0]: "bloomed"})
    histories.sum_up(database, 2025, dict.fromkeys(ids, "not_seen"))
    return ids


def test_a_tile_shows_the_fields_of_a_season(
    database: Connection, logins: object, fields: list[int], examples: type[Examples],
    tmp_path: Path,
) -> None:  # fmt: skip
    from tulip_ops.postgis.connection import connect

    place = (*examples.field(0).centroid.coords[0], Z)
    x, y = tile_of(*place)
    with connect(logins.reader, "tests") as reader:
        (tile,) = reader.execute("select tulip.field_tiles(%s, %s, %s, 2024)", [Z, x, y]).fetchone()
        by_query = reader.execute(
            """select tulip.field_tiles_by_query(%s, %s, %s, '{"season": "2024"}')""", [Z, x, y]
        ).fetchone()
    assert by_query == (tile,)
    (field,) = decoded(tile, Z, x, y, tmp_path).to_dict("records")
    outline = field.pop("geometry")
    assert outline.intersection(examples.field(0)).area > 0.98 * examples.field(0).area
    assert {**field, "mvt_id": None} == {
        "mvt_id": None, "season": 2024, "simulated": False, "verdict": "bloomed",
        "hectares": 12.35, "clear_looks": 2, "seen_in_bloom_from": "2024-04-20",
        "peak": "2024-04-20", "seen_in_bloom_until": "2024-04-20", "area": "west",
        "confidence": 0.94, "doubtful": False,
    }  # fmt: skip
    assert field["mvt_id"] == fields[0]


def test_the_newest_season_is_the_default(
    database: Connection, fields: list[int], examples: type[Examples], tmp_path: Path
) -> None:
    x, y = tile_of(*examples.field(0).centroid.coords[0], Z)
    (tile,) = database.execute("select tulip.field_tiles(%s, %s, %s)", [Z, x, y]).fetchone()
    shown = decoded(tile, Z, x, y, tmp_path)
    assert set(shown["season"]) == {2025}
    assert set(shown["verdict"]) == {"not_seen"}


def test_a_tile_without_fields_is_empty(database: Connection, fields: list[int]) -> None:
    for z, x, y in ((Z, 0, 0), (7, *tile_of(5.7, 52.7, 7))):
        assert database.execute("select tulip.field_tiles(%s, %s, %s)", [z, x, y]).fetchone() == (
            b"",
        )
