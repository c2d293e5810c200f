from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.postgis.test_history import roll_up
from tulip_ops.core.errors import BadInput, DatabaseUnavailable, SchemaOutdated
from tulip_ops.postgis import migrate, revisions, schema_docs
from tulip_ops.postgis.connection import Connection, connect

NewDatabase = Callable[[], str]


def test_no_two_revisions_follow_the_same_one() -> None:
    assert revisions.heads() == [migrate.REVISION]


def test_each_revision_is_a_file_of_sql_beside_a_file_of_python() -> None:
    versions = Path(revisions.__file__).parent / "versions"
    scripts = {path.stem for path in versions.glob("r*.py")}
    assert scripts == {path.stem for path in versions.glob("*.sql")}


def test_a_second_migration_changes_nothing(
    new_database: NewDatabase, pg_dump: Callable[[str], str]
) -> None:
    url = new_database()
    assert migrate.migrate(url) == migrate.REVISION
    before = pg_dump(url), _written_by(url)
    assert migrate.migrate(url) == migrate.REVISION
    assert (pg_dump(url), _written_by(url)) == before


def test_two_migrations_at_once_make_one_schema(
    new_database: NewDatabase, database_url: str, pg_dump: Callable[[str], str]
) -> None:
    url = new_database()
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(migrate.migrate, [url, url]))
    assert done == [migrate.REVISION] * 2
    assert pg_dump(url) == pg_dump(database_url)


def test_a_database_without_tables_asks_for_the_migration(new_database: NewDatabase) -> None:
    with connect(new_database(), "tests") as connection:
        assert migrate.schema_revision(connection) is None
        with pytest.raises(SchemaOutdated, match="run `tulip database migrate`"):
            migrate.require_current(connection)


def test_a_newer_database_is_refused_and_left_alone(new_database: NewDatabase) -> None:
    url = new_database()
    migrate.migrate(url)
    with connect(url, "tests") as connection:
        migrate.require_current(connection)
        connection.execute("update tulip.alembic_version set version_num = '9999'")
        with pytest.raises(SchemaOutdated, match="install a newer version"):
            migrate.require_current(connection)
    with pytest.raises(SchemaOutdated, match="install a newer version"):
        migrate.migrate(url)


def test_going_back_is_refused_and_changes_nothing(new_database: NewDatabase) -> None:
    from alembic import command

    url = new_database()
    migrate.migrate(url)

    def go_back() -> None:
        config = revisions.configuration()
        with connect(url, "tests") as connection, revisions.bind(connection) as bound:
            config.attributes["connection"] = bound
            command.downgrade(config, "base")

    with pytest.raises(BadInput, match="restore a backup"):
        go_back()
    with connect(url, "tests") as connection:
        migrate.require_current(connection)


def test_a_migration_that_fails_leaves_nothing_behind(new_database: NewDatabase) -> None:
    url = new_database()
    with connect(url, "tests") as connection:
        connection.execute("create schema tulip; create table tulip.attempt (in_the_way int)")
    with pytest.raises(DatabaseUnavailable):
        migrate.migrate(url)
    with connect(url, "tests") as connection:
        left = connection.execute(
            "select relname from pg_class where relnamespace = 'tulip'::regnamespace"
        ).fetchall()
        assert left == [("attempt",)]
        assert connection.execute("select to_regtype('geometry')").fetchone() == (None,)


class TestUserWithoutRights:
    """A login that is neither superuser nor may create roles, as on many a shared server."""

    @pytest.fixture
    def url(self, new_database: NewDatabase) -> str:
        url = new_database()
        with connect(url, "tests") as connection:
            connection.execute(
                "drop role if exists tulip_guest; create role tulip_guest login password 'Klompen7'"
            )
        return url

    @pytest.fixture
    def guest_url(self, url: str) -> str:
        return make_conninfo(url, user="tulip_guest", password="Klompen7")

    @pytest.fixture(autouse=True)
    def remove(self, url: str) -> object:
        yield
        with connect(url, "tests") as connection:
            connection.execute("drop owned by tulip_guest; drop role tulip_guest")

    def test_is_told_what_an_administrator_must_do(self, url: str, guest_url: str) -> None:
        steps = (
            ("CREATE EXTENSION postgis", "create extension postgis"),
            ("GRANT tulip_owner TO", "grant tulip_owner to tulip_guest"),
            ("GRANT CREATE ON DATABASE", None),
        )
        for told, remedy in steps:
            with pytest.raises(DatabaseUnavailable, match=told) as caught:
                migrate.migrate(guest_url)
            assert "Klompen7" not in str(caught.value)
            with connect(url, "tests") as connection:
                database = connection.info.dbname
                connection.execute(
                    remedy or f"grant create on database {database} to tulip_guest, tulip_owner"
                )
        migrate.migrate(guest_url)
        with connect(url, "tests") as connection:
            owners = connection.execute(
                "select distinct pg_get_userbyid(relowner) from pg_class"
                " where relnamespace = 'tulip'::regnamespace"
            ).fetchall()
        assert owners == [("tulip_owner",)]


def test_everything_is_commented(database: Connection) -> None:
    bare = database.execute("""
        select c.relname, null
        from pg_class c
        where c.relnamespace = 'tulip'::regnamespace and c.relkind in ('r', 'v')
            and obj_description(c.oid, 'pg_class') is null
        union all
        select c.relname, a.attname
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'tulip'::regnamespace and c.relkind in ('r', 'v')
            and col_description(c.oid, a.attnum) is null
    """).fetchall()
    assert bare == []


def test_every_table_has_a_key_and_every_foreign_key_an_index(database: Connection) -> None:
    keyless = database.execute("""
        select relname from pg_class c
        where relnamespace = 'tulip'::regnamespace and relkind = 'r'
            and not exists (
                select from pg_index i where i.indrelid = c.oid and i.indisprimary
            )
    """).fetchall()
    assert keyless == []
    slow = database.execute("""
        select conrelid::regclass::text, conname from pg_constraint k
        where connamespace = 'tulip'::regnamespace and contype = 'f'
            and not exists (
                select from pg_index i
                where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1]
            )
    """).fetchall()
    assert slow == []


def test_gis_programs_see_one_geometry_of_one_type_in_4326(database: Connection) -> None:
    columns = database.execute("""
        select f_table_name, type, srid from public.geometry_columns
        where f_table_schema = 'tulip' order by f_table_name
    """).fetchall()
    assert columns == [
        ("acquisition", "MULTIPOLYGON", 4326),
        ("area", "MULTIPOLYGON", 4326),
        ("bloom_history", "POLYGON", 4326),
        ("bloom_layer", "POLYGON", 4326),
        ("detection", "POLYGON", 4326),
        ("detection_layer", "POLYGON", 4326),
        ("field", "POLYGON", 4326),
        ("field_outline", "POLYGON", 4326),
        ("latest_acquisitions", "MULTIPOLYGON", 4326),
        ("not_seen", "POLYGON", 4326),
        ("observation_layer", "POLYGON", 4326),
        ("parcel", "POLYGON", 4326),
        ("past_field_season", "POLYGON", 4326),
        ("season_detection", "POLYGON", 4326),
    ]
    unindexed = database.execute("""
        select f_table_name from public.geometry_columns g
        join pg_class c on c.relname = g.f_table_name
            and c.relnamespace = 'tulip'::regnamespace and c.relkind = 'r'
        where not exists (
            select from pg_index i
            join pg_class ic on ic.oid = i.indexrelid
            join pg_am m on m.oid = ic.relam
            where i.indrelid = c.oid and m.amname = 'gist'
        )
    """).fetchall()
    assert unindexed == []


def test_the_documentation_is_what_the_database_says(
    database: Connection, repository: Path
) -> None:
    page = repository / "docs" / "reference" / "tables.md"
    assert page.read_text() == schema_docs.tables(database), (
        "docs/reference/tables.md lags behind; write it anew with"
        " `python -m tulip_ops.postgis.schema_docs URL > docs/reference/tables.md`"
    )


def _written_by(url: str) -> list[tuple[str, ...]]:
    """Which transactions wrote the catalog rows of the schema and of our roles."""
    with psycopg.connect(url) as connection:
        return connection.execute("""
            select relname, xmin::text from pg_class where relnamespace = 'tulip'::regnamespace
            union all select version_num, xmin::text from tulip.alembic_version
            union all select rolname, xmin::text from pg_authid where rolname like 'tulip\\_%'
            order by 1
        """).fetchall()


RECORDED = """
insert into tulip.model (name, version, sha256) values ('unet', '1', repeat('a', 64));
insert into tulip.area (name, geometry)
select 'polder', st_multi(st_makeenvelope(5.69, 52.69, 5.80, 52.72, 4326));
insert into tulip.acquisition (
    acquisition_id, sensed_at, source, href, footprint, bands, state, reached, detections_sha256
)
select 'S2B_31UFU_20240420_0_L2A', '2024-04-20 10:50:31+00', 'archive', 'file', geometry,
    array['red'], 'recorded', 'record', repeat('b', 64)
from tulip.area;
insert into tulip.acquisition_area (acquisition_id, area)
values ('S2B_31UFU_20240420_0_L2A', 'polder');
insert into tulip.detection (
    acquisition_id, ordinal, unet_id, cloud_filter_id, geometry, area_m2, tulip_probability,
    tulip_probability_std, bloom_fraction, run_id
)
select 'S2B_31UFU_20240420_0_L2A', 0, model_id, model_id,
    st_makeenvelope(5.70, 52.70, 5.704, 52.71, 4326), 3e5, 0.9, 0.1, 0.3, 'run'
from tulip.model;
with known as (
    insert into tulip.field (simulated, geometry, area_m2)
    select false, geometry, area_m2 from tulip.detection returning field_id
), seen as (
    insert into tulip.observation (
        field_id, acquisition_id, verdict, clear_fraction, tulip_probability, bloom_fraction
    )
    select field_id, 'S2B_31UFU_20240420_0_L2A', 'bloom', 1, 0.9, 0.3 from known
)
insert into tulip.field_season (
    field_id, season, verdict, clear_looks, area_m2, onset_latest, peak, end_earliest
)
select field_id, 2024, 'bloomed', 1, 3e5, '2024-04-20', '2024-04-20', '2024-04-20' from known;
"""
"""A season with one field in bloom, as every revision can hold it."""

LINKED = """
insert into tulip.field_detection (field_id, detection_id)
select field_id, detection_id from tulip.field, tulip.detection;
"""
"""Which field the detection shows, where that is stored."""

FIRST_WITHOUT_LINKS = 11
"""Revision from which on field_detection is a view."""


def test_what_was_recorded_survives_from_every_revision(
    new_database: NewDatabase,
    database_url: str,
    pg_dump: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from alembic import command

    for number in range(1, int(migrate.REVISION)):
        url = new_database()

        def only(bound: Any, revision: str = f"{number:04}") -> None:
            config = revisions.configuration()
            config.attributes["connection"] = bound
            command.upgrade(config, revision)

        with monkeypatch.context() as patch:
            patch.setattr(revisions, "upgrade", only)
            migrate.migrate(url)
        with psycopg.connect(url) as old:
            old.execute(RECORDED)
            if number < FIRST_WITHOUT_LINKS:
                old.execute(LINKED)
        migrate.migrate(url)
        if number == 1:
            assert pg_dump(url) == pg_dump(database_url)
        with connect(url, "tests") as migrated:
            roll_up(migrated)
            rows = migrated.execute("select season, verdict, clear_looks from tulip.bloom_history")
            assert rows.fetchall() == [(2024, "bloomed", 1)], number
            seen = migrated.execute(
                "select h.areas, s.bloomed_ha is not null from tulip.bloom_history h"
                " join tulip.season_summary s using (area, season)"
            )
            assert seen.fetchall() == [(["polder"], True)], number
