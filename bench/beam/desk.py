"""A store and a database of one's own for each way in which beam/run.py processes an archive."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from bench.beam.season import AREAS

RUN = "by hand"
"""What the ledger calls all of them: files of detections name their run."""
ROWS = {
    "acquisition": "select to_jsonb(a) - '{discovered_at,updated_at,href}'::text[]"
    " from tulip.acquisition a order by acquisition_id",
    "attempt": "select acquisition_id, step, outcome, error, message, figures::text"
    " from tulip.attempt order by acquisition_id, step, message",
    "detection": "select to_jsonb(d) - '{detection_id,run_id,recorded_at}'::text[]"
    " from tulip.detection d order by acquisition_id, ordinal",
}
"""What must be the same for every runner: all but ids of runs, times and paths."""
TULIP = Path(sys.executable).parent / "tulip"


def rows(url: str) -> dict[str, list[Any]]:
    """What the database holds of the acquisitions, by table."""
    with psycopg.connect(url) as database:
        return {name: database.execute(sql).fetchall() for name, sql in ROWS.items()}  # type: ignore[arg-type]


def products(store: Path) -> dict[str, str]:
    """The sha256 of every raster and every file of detections, by <id>/<name>."""
    return {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(store.glob("*/*"))
        if path.suffix in {".tif", ".parquet"}
    }


class Desk:
    """A state folder and a database, over an archive that all share."""

    def __init__(self, folder: Path, archive: Path, server: str, threads: int) -> None:
        folder.mkdir()
        name = f"bench_{folder.name}"
        with psycopg.connect(server, autocommit=True) as database:
            database.execute(f"create database {name}")  # type: ignore[arg-type]
        self.url = make_conninfo(server, dbname=name)
        self.store = folder / "store"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TULIP_")}
        self.environment = {**inherited, "TULIP_STATE": str(folder), "TULIP_ARCHIVE": str(archive),
                            "TULIP_DATABASE_URL": self.url, "TULIP_THREADS": str(threads),
                            "TF_CPP_MIN_LOG_LEVEL": "3"}  # fmt: skip
        self.run(TULIP, "database", "migrate")
        self.run(TULIP, "aoi", "add", archive / AREAS)

    def run(self, *words: str | Path, codes: Container[int] = (0,)) -> str:
        """What the command printed on stdout; ends the benchmark where it ends otherwise."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in codes:
            raise SystemExit(f"{' '.join(map(str, words))}: {done.stdout}\n{done.stderr}")
        return done.stdout

    def left(self) -> dict[str, Mapping[str, str]]:
        """What it has: the sha256 of the rows of each table, and of each product."""
        hashes = {
            name: hashlib.sha256(json.dumps(found, default=str).encode()).hexdigest()
            for name, found in rows(self.url).items()
        }
        return {"rows": hashes, "products": products(self.store)}
