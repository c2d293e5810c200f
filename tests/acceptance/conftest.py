"""One stack for the whole tier: the real season of 2016, carried through real Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import rasterio
import shapely
from pyproj import Transformer

TULIP = Path(sys.executable).parent / "tulip"


@dataclass(frozen=True)
class Stack:
    """A state folder of its own, and the words to work in it."""

    state: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TULIP_", "AIRFLOW"))}
        return {**kept, "TULIP_STATE": str(self.state)}

    def tulip(
        self, *words: str, expect: int = 0, **changed: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [TULIP, *words],
            env={**self.environment, **changed},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == expect, f"tulip {words}: {done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str) -> dict[str, object]:
        answer: dict[str, object] = json.loads(self.tulip(*words, "--json").stdout)
        return answer

    def setting(self, name: str) -> str:
        lines = (self.state / "local.env").read_text().splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        return values[name].strip("'\"")

    @property
    def url(self) -> str:
        return self.setting("TULIP_DATABASE_OWNER_URL")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as database:
            return database.execute(sql).fetchall()  # type: ignore[arg-type]

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url) as database:
            database.execute(sql)  # type: ignore[arg-type]

    def everything(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table of ours, with the transaction that wrote it."""
        tables = self.rows(
            "select table_name from information_schema.tables"
            " where table_schema = 'tulip' and table_type = 'BASE TABLE' order by 1"
        )
        return {
            str(name): self.rows(f"select xmin::text, t::text from tulip.{name} t order by 2")
            for (name,) in tables
        }


@pytest.fixture(scope="session")
def images(real_data: Path) -> list[Path]:
    found = sorted((real_data / "noordoostpolder_2016").glob("*TRUE_COLOR.tif"))
    assert len(found) == 7
    return found


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, images: list[Path]) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("season2016")
    stack = Stack(folder / "state")
    areas = folder / "areas.geojson"
    areas.write_text(json.dumps(_ground_of(images)))
    archive = folder / "archive"
    stack.tulip("archive", "add", "--to", str(archive), *map(str, images))
    try:
        demo = stack.tulip("local", "demo", "--archive", str(archive), "--areas", str(areas))
        (folder / "demo.txt").write_text(demo.stdout + demo.stderr)
        yield stack
    finally:
        stack.tulip("local", "stop")


def _ground_of(images: list[Path]) -> dict[str, object]:
    """The two patches as one area of interest, in longitude and latitude."""
    boxes = []
    for image in images:
        with rasterio.open(image) as raster:
            to_degrees = Transformer.from_crs(raster.crs, 4326, always_xy=True)
            boxes.append(shapely.transform(
                shapely.box(*raster.bounds), to_degrees.transform, interleaved=False
            ))  # fmt: skip
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": "noordoostpolder"},
                "geometry": shapely.union_all(boxes).__geo_interface__,
            }
        ],
    }
