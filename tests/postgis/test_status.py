from typing import Any

from tulip_ops.postgis import migrate, status
from tulip_ops.postgis.connection import Connection, connect


def test_status_counts(database: Connection, examples: Any) -> None:
    examples.admit(database, "S2B_31UFU_20240420_0_L2A", "S2A_31UFU_20240502_0_L2A")
    examples.record(database, "S2B_31UFU_20240420_0_L2A", [0, 1])
    assert status.status(database) == {
        "revision": migrate.REVISION,
        "areas": 1,
        "acquisitions": 2,
        "superseded": 0,
        "attempts": 1,
        "models": 2,
        "detections": 2,
        "fields": 0,
        "observations": 0,
        "field_seasons": 0,
        "acquisitions discovered": 1,
        "acquisitions recorded": 1,
        "newest acquisition": "S2A_31UFU_20240502_0_L2A (discovered)",
    }


def test_an_empty_database_has_a_status(database: Connection) -> None:
    found = status.status(database)
    assert (found["acquisitions"], found["newest acquisition"]) == (0, "none")


def test_versions(database: Connection, server_url: str) -> None:
    assert status.versions(database).endswith(f"schema tulip {migrate.REVISION}")
    with connect(server_url, "tests") as empty:
        assert "PostGIS missing, schema tulip none" in status.versions(empty)
