"""A fresh, migrated database for each module, emptied for each test, and values to fill it."""

import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from shapely.geometry import MultiPolygon, Polygon, box

from tests.conftest import NewDatabase
from tulip_ops.core.types import Acquisition, AcquisitionId, Area, Detection, ModelReference
from tulip_ops.postgis import areas, detections, ledger, migrate, roles
from tulip_ops.postgis.connection import Connection, connect
from tulip_ops.raster.projection import geodesic_area

TABLES = (
    "alembic_version", "area", "acquisition", "acquisition_area", "attempt", "model",
    "detection", "field", "season_detection", "outline_source", "observation", "field_season",
    "alert", "unit_booking", "parcel", "field_outline", "lineage", "change", "stale",
    "past_field_season",
)  # fmt: skip

Dump = Callable[[Connection], dict[str, list[tuple[str, str]]]]


@dataclass(frozen=True)
class Logins:
    writer: str
    """URL as a member of tulip_writer."""
    reader: str
    """URL as a member of tulip_reader."""


@pytest.fixture(scope="module")
def database_url(new_database: NewDatabase) -> str:
    """A migrated database, as its owner."""
    url = new_database()
    migrate.migrate(url)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Connection]:
    """The module's database, emptied, as its owner."""
    with connect(database_url, "tests") as connection:
        emptied = ", ".join(f"tulip.{name}" for name in TABLES[1:])
        connection.execute(f"truncate {emptied} restart identity")
        yield connection


@pytest.fixture(scope="module")
def logins(database_url: str) -> Logins:
    prefix, writer, reader = f"t{uuid.uuid4().hex[:8]}", secrets.token_hex(), secrets.token_hex()
    users = roles.grant_logins(
        database_url, writer_password=writer, reader_password=reader, prefix=prefix
    )
    assert users == (f"{prefix}_writer", f"{prefix}_reader")
    return Logins(
        make_conninfo(database_url, user=users[0], password=writer),
        make_conninfo(database_url, user=users[1], password=reader),
    )


@pytest.fixture(scope="session")
def dump() -> Dump:
    """Every row of every table with the transaction that wrote it."""

    def everything(connection: Connection) -> dict[str, list[tuple[str, str]]]:
        return {
            name: connection.execute(
                f"select t.xmin::text, t::text from tulip.{name} t order by 2"
            ).fetchall()
            for name in TABLES
        }

    return everything


@pytest.fixture(scope="session")
def pg_dump() -> Callable[[str], str]:
    """The schema as SQL."""
    import subprocess

    from tulip_ops.services import apt

    def run(url: str) -> str:
        parts = conninfo_to_dict(url)
        done = subprocess.run(
            [apt.postgresql(None) / "pg_dump", "--schema-only",
             make_conninfo(url, password=None)],
            env={"PGPASSWORD": str(parts["password"])}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        # Newer releases of pg_dump add a random key to each dump.
        return "\n".join(
            line for line in done.stdout.splitlines() if "restrict" not in line.split(" ")[0]
        )

    return run


class Examples:
    """Values that fit together: strips of land east of 5.7, north of 52.7, in tile 31UFU."""

    unet = ModelReference("unet-ten", "1", "a" * 64)
    cloud_filter = ModelReference("cloud-filter-ten", "1", "b" * 64)

    @staticmethod
    def id(text: str = "S2B_31UFU_20240420_0_L2A") -> AcquisitionId:
        return AcquisitionId.parse(text)

    @staticmethod
    def field(place: int = 0, *, width: float = 0.004) -> Polygon:
        """The field at a place: 0 and 1 and so on, side by side and apart."""
        west = 5.70 + 0.01 * place
        return box(west, 52.70, west + width, 52.71)

    @classmethod
    def area(cls, name: str = "polder", places: Sequence[int] = range(10)) -> Area:
        ground = box(5.695 + 0.01 * min(places), 52.69, 5.7049 + 0.01 * max(places), 52.72)
        return Area(name, MultiPolygon([ground]))

    @classmethod
    def acquisition(cls, text: str = "S2B_31UFU_20240420_0_L2A") -> Acquisition:
        identity = cls.id(text)
        return Acquisition(
            id=identity,
            sensed_at=datetime.combine(identity.day, time(10, 50, 31), UTC),
            source="archive",
            href=f"s3://archive/{identity}.json",
            footprint=MultiPolygon([box(5.5, 52.2, 7.0, 53.2)]),
            bands=("blue", "green", "red", "nir"),
        )

    @classmethod
    def shown(cls, places: Sequence[int], *, bloom: float = 0.25) -> list[Detection]:
        shapes = [cls.field(place) for place in places]
        return [
            Detection(n, shape, geodesic_area(shape), 0.875, 0.125, bloom)
            for n, shape in enumerate(shapes)
        ]

    @classmethod
    def admit(cls, connection: Connection, *texts: str) -> list[AcquisitionId]:
        """The area, and these acquisitions over it, in the ledger."""
        areas.add_area(connection, cls.area())
        acquisitions = [cls.acquisition(text) for text in texts]
        return ledger.admit(connection, acquisitions, {a.id: ["polder"] for a in acquisitions})

    @classmethod
    def record(
        cls, connection: Connection, text: str, places: Sequence[int], *, sha256: str = "0" * 64
    ) -> detections.Recorded:
        """Carry an admitted acquisition to its end, as the step `record` does."""
        number = ledger.begin_attempt(connection, cls.id(text), "record", "test")
        recorded = detections.record_detections(
            connection, cls.id(text), cls.shown(places), unet=cls.unet,
            cloud_filter=cls.cloud_filter, sha256=sha256, run_id="test",
        )  # fmt: skip
        ledger.end_attempt(connection, number, "done", fresh=recorded.changed, message="recorded")
        return recorded

    @classmethod
    def skip(cls, connection: Connection, text: str, *, fresh: bool = True) -> None:
        """Find an admitted acquisition too cloudy, as the step `screen` does."""
        number = ledger.begin_attempt(connection, cls.id(text), "screen", "test")
        ledger.end_attempt(
            connection, number, "skipped", fresh=fresh, message="too cloudy: 4 % clear",
            figures={"clear_fraction": 0.04},
        )  # fmt: skip


@pytest.fixture(scope="session")
def examples() -> type[Examples]:
    return Examples
