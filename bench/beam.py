"""An archive in one go, beside the plain loop of the ancestor: chips per second.

    .tulip/venv/bin/python bench/beam.py [--scenes 24] [--side 256] [--out FOLDER]

Simulates a season of small acquisitions, and carries all of it

- as the ancestor of this project did: one PNG of 256 x 256 pixels in true colour at a time through
  `model.predict` of the cloud filter and, where that calls it clear, of the U-Net, to a PNG mask,
- with `tulip run`, one acquisition after the other in one process, with the steps of the DAG,
- with `tulip beam` on DirectRunner with one and with two workers, and on DaskRunner with two.

The ancestor's networks are the shipped ones of true colour, ours the ten bands that the archive
offers. A chip is 256 x 256 pixels of ground, whatever windows a network reads. Every way starts
with an empty store and database, in a process of its own: its seconds hold all of its start.
Prints a table, writes it as JSON, and compares the rows of all ways but the first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo
from shapely.geometry import MultiPolygon, box

from tulip_ops import vectors
from tulip_ops.domain import BANDS, SIMULATED_PLATFORM, AcquisitionId, Area
from tulip_ops.grid import WGS84, Grid, project
from tulip_ops.simulate import Sky, Weather, make_polder, make_scene
from tulip_ops.sources.archive import Archive

CHIP = 256
TILE = "31UFU"
FIRST, DAYS = date(2024, 4, 1), 40
AREA = "polder"
WAYS: Mapping[str, tuple[str, ...]] = {
    "beam, DirectRunner, 1 worker": ("beam", "--workers", "1"),
    "beam, DirectRunner, 2 workers": ("beam", "--workers", "2"),
    "beam, DaskRunner, 2 workers": ("beam", "--runner", "DaskRunner", "--workers", "2"),
}
RUN = "by hand"
"""What the ledger calls all of them: files of detections name their run, rows their checksums."""
ROWS = {
    "acquisition": "select to_jsonb(a) - '{discovered_at,updated_at,href}'::text[]"
    " from tulip.acquisition a order by acquisition_id",
    "attempt": "select acquisition_id, step, outcome, error, message, figures::text"
    " from tulip.attempt order by acquisition_id, step, message",
    "detection": "select to_jsonb(d) - '{detection_id,run_id,recorded_at}'::text[]"
    " from tulip.detection d order by acquisition_id, ordinal",
}
"""What must be alike whoever carried it: all but ids of runs, moments and places."""


def write_season(place: Path, count: int, side: int, seed: int = 0) -> list[AcquisitionId]:
    """Write `count` acquisitions of `side` x `side` pixels within forty days of one spring.

    Some are clear, some partly cloudy, one in ten is overcast. Beside them lies `areas.geojson`, an
    area of interest a little smaller than the scenes.
    """
    grid = Grid(32631, 677600.0, 5850240.0, side, side)
    polder = make_polder(seed, side, side, [FIRST.year])
    archive = Archive(place)
    ids = []
    for number in range(count):
        day = FIRST + timedelta(days=number % DAYS)
        cover = (0.0, 1.0, 0.2, 0.0, 0.4, 0.0, 0.0, 0.15, 0.0, 0.0)[number % 10]
        kind = Weather.OVERCAST if cover == 1 else Weather.BROKEN if cover else Weather.CLEAR
        sky = Sky(kind, cover, optical_depth=8.0 if cover else 0.0, height=1000.0,
                  sun_elevation=45.0, sun_azimuth=165.0)  # fmt: skip
        scene = make_scene(polder, day, sky=sky, seed=seed + number)
        one = AcquisitionId(SIMULATED_PLATFORM, TILE, day, number // DAYS, "L2A")
        sensed_at = datetime(day.year, day.month, day.day, 10, 50, number // DAYS, tzinfo=UTC)
        archive.add_scene(one, sensed_at, scene.reflectance, BANDS, grid)
        ids.append(one)
    west, south, east, north = grid.bounds
    ground = MultiPolygon([box(west + 100, south + 100, east - 100, north - 100)])
    vectors.write_areas(place / "areas.geojson", [Area(AREA, project(ground, grid.epsg, WGS84))])
    return ids


def rows(url: str) -> dict[str, list[Any]]:
    """What the database holds of the acquisitions, by table."""
    with psycopg.connect(url) as database:
        return {name: database.execute(sql).fetchall() for name, sql in ROWS.items()}  # type: ignore[arg-type]


def write_chips(archive: Path, out: Path) -> int:
    """The archive as the ancestor had it: PNG chips in true colour; returns how many."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    out.mkdir()
    red, green, blue = (BANDS.index(name) + 1 for name in ("red", "green", "blue"))
    count = 0
    for path in sorted(archive.glob("*/reflectance.tif")):
        with rasterio.open(path) as scene:
            dn = scene.read([red, green, blue])
        colours = np.clip((dn * 1e-4 - 0.1) * 2.5 * 255, 0, 255).astype(np.uint8)
        for row in range(0, dn.shape[1] - CHIP + 1, CHIP):
            for column in range(0, dn.shape[2] - CHIP + 1, CHIP):
                chip = colours[:, row : row + CHIP, column : column + CHIP]
                name = f"{path.parent.name}_wms_{row}_{column}.png"
                with rasterio.open(out / name, "w", driver="PNG", width=CHIP, height=CHIP, count=3,
                                   dtype="uint8") as png:  # fmt: skip
                    png.write(chip)
                count += 1
    return count


def plain_loop(chips: Path, out: Path, threads: int) -> None:
    """One PNG at a time through `model.predict`, as the ancestor did it."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    from tulip_ops.networks import predict, registry
    from tulip_ops.settings import Settings

    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    out.mkdir()
    predict.use_threads(threads)
    networks = []
    for name in ("cloud-filter-rgb", "unet-rgb"):
        kind = "unet" if name.startswith("unet") else "cloud-filter"
        card = registry.choose(Settings().models, kind, name, ("red", "green", "blue"))  # type: ignore[arg-type]
        network = predict.build(card)
        predict.load_weights(network, card)
        networks.append((card, network))
    (filter_card, cloud_filter), (unet_card, unet) = networks
    for path in sorted(chips.glob("*_wms_*.png")):
        with rasterio.open(path) as png:
            pixels = np.moveaxis(png.read().astype(np.float32) / 255 / 2.5, 0, -1)[np.newaxis]
        said = cloud_filter.predict(filter_card.normalization.apply(pixels), verbose=0)
        if float(said["chip"].ravel()[0]) >= (filter_card.chip_threshold or 0.5):
            continue
        classes = unet.predict(unet_card.normalization.apply(pixels), verbose=0)[0]
        mask = ((classes[..., 1] + classes[..., 2]) >= unet_card.threshold).astype(np.uint8) * 255
        with rasterio.open(out / path.name, "w", driver="PNG", width=CHIP, height=CHIP, count=1,
                           dtype="uint8") as png:  # fmt: skip
            png.write(mask, 1)


class Desk:
    """A store and a database of one's own, over an archive that all share."""

    def __init__(self, folder: Path, archive: Path, server: str, threads: int) -> None:
        folder.mkdir()
        name = f"bench_{folder.name}"
        with psycopg.connect(server, autocommit=True) as database:
            database.execute(f"create database {name}")  # type: ignore[arg-type]
        self.url = make_conninfo(server, dbname=name)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TULIP_")}
        self.environment = {**kept, "TULIP_STATE": str(folder), "TULIP_ARCHIVE": str(archive),
                            "TULIP_DATABASE_URL": self.url, "TULIP_THREADS": str(threads),
                            "TF_CPP_MIN_LOG_LEVEL": "3"}  # fmt: skip
        self.tulip("database", "migrate")
        self.tulip("aoi", "add", str(archive / "areas.geojson"))

    def tulip(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        program = Path(sys.executable).parent / "tulip"
        done = subprocess.run(
            [program, *words], env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in codes:
            raise SystemExit(f"tulip {' '.join(words)}: {done.stdout}\n{done.stderr}")
        return done.stdout


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--side", type=int, default=CHIP, help="pixels of a scene on each side")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--loop", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--each", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.loop:
        plain_loop(*asked.loop, asked.threads)
    elif asked.each:
        _each(asked.each)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            _measure(asked, Path(scratch))


def _each(ids: list[str]) -> None:
    """`tulip run` for each, in this process."""
    from click.testing import CliRunner

    from tulip_ops.cli import main as tulip

    for one in ids:
        done = CliRunner().invoke(tulip, ["run", one])
        if done.exit_code not in {0, 99}:
            raise SystemExit(done.output)


def _measure(asked: argparse.Namespace, scratch: Path) -> None:
    from tulip_ops.local import postgres

    archive, chips = scratch / "archive", scratch / "chips"
    ids = write_season(archive, asked.scenes, asked.side)
    count = write_chips(archive, chips)
    ground = asked.scenes * (asked.side / CHIP) ** 2
    again = [sys.executable, str(Path(__file__).resolve()), "--threads", str(asked.threads)]
    found: dict[str, dict[str, float]] = {}
    began = time.perf_counter()
    subprocess.run([*again, "--loop", str(chips), str(scratch / "masks")], check=True)
    found["plain loop, one PNG at a time"] = _figures(count, began)
    server = postgres.start(scratch / "postgres", durable=False)
    try:
        compared: dict[str, dict[str, list[Any]]] = {}
        period = ("--from", str(FIRST), "--until", str(FIRST + timedelta(days=DAYS)))
        desk = Desk(scratch / "each", archive, server.url, asked.threads)
        desk.tulip("backfill", *period)
        began = time.perf_counter()
        subprocess.run([*again, "--each", *map(str, ids)], env=desk.environment, check=True)
        found["tulip run, one by one"] = _figures(ground, began)
        compared["tulip run, one by one"] = rows(desk.url)
        for number, (way, words) in enumerate(WAYS.items()):
            desk = Desk(scratch / f"way{number}", archive, server.url, asked.threads)
            began = time.perf_counter()
            said = json.loads(desk.tulip(*words, *period, "--run-id", RUN, "--json"))
            found[way] = _figures(ground, began)
            found[way] |= {k: v for k, v in said["metrics"].items() if k.endswith("windows")}
            compared[way] = rows(desk.url)
    finally:
        server.stop()
    _report(asked, found, compared)


def _figures(chips: float, began: float) -> dict[str, float]:
    seconds = time.perf_counter() - began
    return {"chips": chips, "seconds": round(seconds, 2), "chips_per_second": chips / seconds}


def _report(
    asked: argparse.Namespace,
    found: Mapping[str, Mapping[str, float]],
    compared: Mapping[str, Mapping[str, list[Any]]],
) -> None:
    slowest = next(iter(found.values()))["chips_per_second"]
    print(f"{asked.scenes} scenes of {asked.side} x {asked.side} px, {asked.threads} threads")
    for way, figures in found.items():
        pace = figures["chips_per_second"]
        print(f"{way:32} {figures['seconds']:8.1f} s {pace:8.2f} chips/s {pace / slowest:6.2f} x")
    reference = compared["tulip run, one by one"]
    same = {way: tables == reference for way, tables in compared.items()}
    print(
        "rows as those of `tulip run`:", ", ".join(f"{way}: {is_so}" for way, is_so in same.items())
    )
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        told = {"scenes": asked.scenes, "side": asked.side, "threads": asked.threads,
                "ways": found, "same_rows": same}  # fmt: skip
        (asked.out / "beam.json").write_text(json.dumps(told, indent=2) + "\n")
    if not all(same.values()):
        raise SystemExit("the rows differ")


if __name__ == "__main__":
    main(sys.argv[1:])
