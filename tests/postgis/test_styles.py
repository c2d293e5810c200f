"""Styles as QGIS asks for them."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tulip_ops.core.errors import DatabaseUnavailable
from tulip_ops.postgis import styles
from tulip_ops.postgis.layer_names import LAYERS, Layer
from tulip_ops.reports import qgis_styles

# what QGIS sends when it opens a layer
QUESTION = """
    select styleqml::text from layer_styles
    where f_table_catalog = current_database() and f_table_schema = 'tulip'
        and f_table_name = %s and f_geometry_column = 'geometry'
        and (type = 'Polygon' or type is null)
    order by case when useasdefault then 1 else 2 end, update_time desc limit 1
"""


@pytest.fixture
def looks() -> dict[Layer, str]:
    return {layer: qgis_styles.styles([layer])[layer] for layer in LAYERS}


@pytest.fixture
def owner_url(database_url: str) -> Iterator[str]:
    yield database_url
    with psycopg.connect(database_url) as connection:
        connection.execute("drop table if exists public.layer_styles")


def test_readers_get_the_style_of_each_layer(owner_url, logins, looks) -> None:
    assert styles.write_styles(owner_url, looks) == list(styles.TABLES.values())
    styles.write_styles(owner_url, looks)
    with psycopg.connect(logins.reader) as reader:
        assert reader.execute("select count(*) from layer_styles").fetchone() == (4,)
        for layer, table in styles.TABLES.items():
            assert reader.execute(QUESTION, [table]).fetchone() == (looks[layer],)
            spatial = reader.execute(
                "select type, srid from geometry_columns where f_table_schema = 'tulip'"
                " and f_table_name = %s",
                [table],
            ).fetchall()
            assert spatial == [("POLYGON", 4326)]
            first = reader.execute(
                "select attname, atttypid::regtype::text from pg_attribute"
                " where attrelid = %s::regclass and attnum = 1",
                [f"tulip.{table}"],
            ).fetchone()
            assert first in [(name, "bigint") for name in ("id", "field_id", "detection_id")]


def test_a_connection_that_leaves_the_type_of_geometry_open_gets_the_style(
    owner_url, logins, looks
) -> None:
    styles.write_styles(owner_url, looks)
    question = QUESTION.replace("type = 'Polygon'", "type = 'Unknown geometry'")
    with psycopg.connect(logins.reader) as reader:
        assert reader.execute(question, ["field"]).fetchone() == (looks["fields"],)


def test_a_style_that_somebody_chose_stays_the_default(owner_url, logins, looks) -> None:
    styles.write_styles(owner_url, looks)
    with psycopg.connect(owner_url) as connection:
        connection.execute("update public.layer_styles set useasdefault = false")
        connection.execute(
            "insert into public.layer_styles (f_table_catalog, f_table_schema, f_table_name,"
            " f_geometry_column, styleqml, useasdefault)"
            " values (current_database(), 'tulip', 'field', 'geometry', '<qgis/>', true)"
        )
    styles.write_styles(owner_url, looks)
    with psycopg.connect(logins.reader) as reader:
        assert reader.execute(QUESTION, ["field"]).fetchone() == ("<qgis/>",)
        assert reader.execute(QUESTION, ["bloom_layer"]).fetchone() == (looks["bloom_history"],)


def test_who_may_not_is_told_what_an_administrator_must_do(owner_url, logins, looks) -> None:
    with pytest.raises(DatabaseUnavailable, match="GRANT CREATE ON SCHEMA public"):
        styles.write_styles(make_conninfo(logins.writer), looks)
