"""A real STAC API: stac-fastapi with pgstac on a PostgreSQL database of the tests."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.services import servers

Document = Mapping[str, Any]


@dataclass(frozen=True)
class StacServer:
    url: str
    database_url: str

    def put_collection(self, name: str) -> None:
        """An empty collection of that id, in the place of what was there."""
        collection = {
            "type": "Collection",
            "stac_version": "1.0.0",
            "id": name,
            "description": f"Stands in for the collection {name} of a provider.",
            "license": "proprietary",
            "extent": {
                "spatial": {"bbox": [[-180, -90, 180, 90]]},
                "temporal": {"interval": [["2015-06-27T00:00:00Z", None]]},
            },
            "links": [],
        }
        self.clear(name)
        with psycopg.connect(self.database_url) as database:
            database.execute(
                "select pgstac.upsert_collection(%s::jsonb)", (json.dumps(collection),)
            )

    def put_items(self, items: Sequence[Document]) -> None:
        """Add items to their collections, or replace those of the same id."""
        with psycopg.connect(self.database_url) as database:
            database.execute("select pgstac.upsert_items(%s::jsonb)", (json.dumps(list(items)),))

    def clear(self, collection: str) -> None:
        """Remove every item of a collection."""
        with psycopg.connect(self.database_url) as database:
            database.execute("delete from pgstac.items where collection = %s", (collection,))


@contextmanager
def serving(folder: Path, database_url: str) -> Iterator[StacServer]:
    """Serve an empty STAC API from the database, which becomes pgstac's."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | _login(database_url)
    _migrate(environment)
    port = servers.free_port(folder)
    command = [
        sys.executable, "-m", "uvicorn", "stac_fastapi.pgstac.app:app",
        "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning",
    ]  # fmt: skip
    with servers.running(command, port, folder / "uvicorn.log", environment):
        yield StacServer(f"http://127.0.0.1:{port}", database_url)


def _login(database_url: str) -> dict[str, str]:
    """The database as libpq's variables; few connections, for a server that many share."""
    place = conninfo_to_dict(database_url)
    return {
        "PGHOST": str(place["host"]),
        "PGPORT": str(place["port"]),
        "PGUSER": str(place["user"]),
        "PGPASSWORD": str(place["password"]),
        "PGDATABASE": str(place["dbname"]),
        "DB_MIN_CONN_SIZE": "1",
        "DB_MAX_CONN_SIZE": "2",
    }


def _migrate(environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("pypgstac"), "migrate"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
