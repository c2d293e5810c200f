"""Layers out of a real PostGIS into every format, as GIS programs then find them."""

import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path

import geopandas
import pyarrow.parquet as pq
import pyogrio
import pytest

from tests.postgis import histories
from tests.postgis.conftest import Examples
from tulip_ops.core.errors import AreaNotFound, BadInput
from tulip_ops.core.storage_settings import DatabaseSettings
from tulip_ops.postgis import areas, layers
from tulip_ops.postgis.connection import Connection
from tulip_ops.postgis.layer_names import LAYERS, Layer
from tulip_ops.postgis.layers import Selection
from tulip_ops.reports import export
from tulip_ops.storage import layer_writer

IDS = ("S2B_31UFU_20240420_0_L2A", "S2B_31UFU_20250420_0_L2A", "SIM_31UFU_20240422_0_L2A")


@pytest.fixture(autouse=True)
def filled(database: Connection, examples: type[Examples]) -> None:
    """Three satellite fields in 2024, two of them in 2025, and one simulated."""
    examples.admit(database, *IDS)
    ids = histories.add_fields(database, [0, 1, 2]) | histories.add_fields(
        database, [5], simulated=True
    )
    for name, places in zip(IDS, ([0, 1, 2], [0, 1], [5]), strict=True):
        examples.record(database, name, places)
        histories.look(database, name, {ids[place]: "bloom" for place in places})
        season = examples.id(name).season
        histories.sum_up(database, season, {ids[place]: "bloomed" for place in places})


@pytest.fixture
def settings(logins: object) -> DatabaseSettings:
    return DatabaseSettings(database_url=logins.reader)


@pytest.mark.parametrize("suffix", sorted(layer_writer.FORMATS))
@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_in_every_format(
    settings: DatabaseSettings, tmp_path: Path, layer: Layer, suffix: str
) -> None:
    out = tmp_path / f"tulips{suffix}"
    rows = export.export(settings, out, [layer], Selection())
    count = 4 if layer == "fields" else 6
    assert rows == {layer: count}
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file
    frame = read(out) if suffix != ".gpkg" else read(out, layer=layer)
    assert len(frame) == count
    assert frame.crs.to_epsg() == 4326
    assert set(frame.geom_type) == {"Polygon"}
    assert frame.geometry.is_valid.all()
    assert frame["simulated"].astype(bool).sum() == 1
    key = {"fields": "field_id", "detections": "detection_id", "bloom_history": "id"}.get(layer)
    assert key is None or frame[key].is_unique


def test_a_geopackage_lists_every_layer_with_its_key_type_and_style(
    settings: DatabaseSettings, tmp_path: Path
) -> None:
    out = tmp_path / "tulips.gpkg"
    assert export.export(settings, out, [], Selection()) == {
        "fields": 4, "bloom_history": 6, "detections": 6, "observations": 6,
    }  # fmt: skip
    listed = pyogrio.list_layers(out).tolist()
    assert listed == [*([name, "Polygon"] for name in LAYERS), ["layer_styles", None]]
    for layer in LAYERS:
        facts = pyogrio.read_info(out, layer=layer)
        assert (facts["crs"], facts["fid_column"]) == ("EPSG:4326", "fid")
        assert facts["geometry_name"] == "geometry"
    with closing(sqlite3.connect(out)) as package:
        styles = package.execute(
            "select f_table_name, f_geometry_column, useasdefault, styleqml from layer_styles"
        ).fetchall()
        indexed = package.execute("select table_name from gpkg_extensions").fetchall()
    assert [row[:3] for row in styles] == [(name, "geometry", 1) for name in LAYERS]
    for name, _, _, style in styles:
        renderer = ET.fromstring(style).find("renderer-v2")  # noqa: S314 - written by us
        deciding = renderer.get("attr")
        columns = re.findall(r'"(\w+)"', deciding) or [deciding]
        assert set(columns) <= set(pyogrio.read_info(out, layer=name)["fields"])
    assert {name for (name,) in indexed} >= set(LAYERS)


def test_fields_say_where_they_lie_and_how_sure_they_are(
    database: Connection, settings: DatabaseSettings, examples: type[Examples], tmp_path: Path
) -> None:
    areas.add_area(database, examples.area("all", range(3)))
    database.execute("delete from tulip.area where name = 'polder'")
    areas.add_area(database, examples.area("west", [0]))
    database.execute("update tulip.field_season set confidence = 0.25 where season = 2025")
    frames: dict[Layer, geopandas.GeoDataFrame] = {}
    for layer in LAYERS:
        out = tmp_path / f"{layer}.parquet"
        export.export(settings, out, [layer], Selection())
        frames[layer] = geopandas.read_parquet(out)
        frame = frames[layer].drop_duplicates("geometry")
        frame = frame.iloc[frame.geometry.bounds["minx"].argsort()]
        assert frame["area"].fillna("outside").tolist() == ["all", "all", "all", "outside"]
        assert frame["areas"].tolist() == ["all, west", "all", "all", ""]
    history = frames["bloom_history"]
    assert history["doubtful"].tolist() == (history["season"] == 2025).tolist()
    assert set(history) >= {"tulip_probability", "looks_for", "looks_against", "touches_edge"}


def test_detections_say_what_made_them(settings: DatabaseSettings, tmp_path: Path) -> None:
    out = tmp_path / "tulips.parquet"
    export.export(settings, out, ["detections"], Selection(seasons=(2025,)))
    frame = geopandas.read_parquet(out)
    assert set(frame["acquisition_id"]) == {IDS[1]}
    assert set(frame["model_name"] + "/" + frame["model_version"]) == {"unet-ten/1"}
    assert set(frame["model_sha256"]) == {"a" * 64}
    assert set(frame["cloud_filter_sha256"]) == {"b" * 64}
    assert set(frame["run_id"]) == {"test"}
    geo = json.loads(pq.read_metadata(out).metadata[b"geo"])
    assert geo["columns"]["geometry"]["bbox"] == pytest.approx(frame.total_bounds.tolist())


@pytest.mark.parametrize(
    ("chosen", "fields", "count"),
    [
        (Selection(simulated=True), 1, 1),
        (Selection(simulated=False), 3, 5),
        (Selection(seasons=(2024,)), 4, 4),
        (Selection(seasons=(2025, 2026)), 2, 2),
        (Selection(bounds=(5.699, 52.69, 5.705, 52.72)), 1, 2),
        (Selection(area="west"), 2, 4),
        (Selection(seasons=(1999,)), 0, 0),
    ],
)
def test_filters(
    database: Connection, settings: DatabaseSettings, tmp_path: Path, examples: type[Examples],
    chosen: Selection, fields: int, count: int,
) -> None:  # fmt: skip
    areas.add_area(database, examples.area("west", [0, 1]))
    for layer in LAYERS:
        expected = fields if layer == "fields" else count
        out = tmp_path / "tulips.fgb"
        assert export.export(settings, out, [layer], chosen) == {layer: expected}
        assert len(pyogrio.read_dataframe(out)) == expected


def test_what_cannot_be_written_is_said_and_leaves_the_old_file(
    settings: DatabaseSettings, tmp_path: Path
) -> None:
    out = tmp_path / "tulips.geojson"
    out.write_text("old")
    with pytest.raises(AreaNotFound):
        export.export(settings, out, ["fields"], Selection(area="nowhere"))
    with pytest.raises(BadInput, match="holds one layer"):
        export.export(settings, out, [], Selection())
    with pytest.raises(BadInput, match=r"\.gpkg, \.parquet"):
        export.export(settings, tmp_path / "tulips.shp", ["fields"], Selection())
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_rows_come_in_batches_that_are_one_state(
    database: Connection, settings: DatabaseSettings
) -> None:
    from tulip_ops.postgis import connection

    with (
        connection.connect(settings.reader_url(), "tests") as reader,
        layers.snapshot(reader),
        layers.read_layer(reader, "fields", Selection(), batch=2) as rows,
    ):
        first = next(rows.batches)
        database.execute("delete from tulip.field")
        assert [len(first), *(len(batch) for batch in rows.batches)] == [2, 2]


def test_by_hand(logins: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from tulip_ops.cli.main import main

    monkeypatch.setenv("TULIP_DATABASE_URL", logins.reader)
    out = tmp_path / "tulips.fgb"
    words = ["export", str(out), "--layer", "bloom_history", "--season", "2024", "--satellite"]
    done = CliRunner().invoke(main, [*words, "--bbox", "5.6,52.6,5.9,52.9", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {"out": str(out), "rows": {"bloom_history": 3}}
    assert len(pyogrio.read_dataframe(out)) == 3
    for wrong in ("5,52,5,53", "east", "5,52,6"):
        refused = CliRunner().invoke(main, [*words, "--bbox", wrong])
        assert refused.exit_code == 2, wrong
