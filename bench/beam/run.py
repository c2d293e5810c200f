"""An archive at once, beside the loop of the 2018 prototype: chips per second.

    .tulip/venv/bin/python -m bench.beam.run [--scenes 200] [--side 512] [--work FOLDER] [--parts N]
    .tulip/venv/bin/python -m bench.beam.run --images FOLDER

Simulates a season of small acquisitions, and processes it in these ways:

- as in the 2018 prototype: one PNG of 256 x 256 pixels in true colour at a time through
  `model.predict` of the cloud filter and, if that is clear, of the U-Net, to a PNG mask,
- with the steps of `tulip run`, one acquisition after the other, in one process that keeps its
  networks loaded (the command itself does not),
- with `tulip beam` on DirectRunner with one and with two workers, and on DaskRunner with two.

Every way starts with an empty store and database, in processes of its own. All but the first must
leave the same rows and, byte for byte, the same products. The prototype's networks are the shipped
ones of true colour, ours the ten bands that the archive offers; a chip is 256 x 256 pixels of
ground, whatever windows a network reads.

Each way also processes a smaller season (`--few`). The difference, which is free of imports and of
the start of workers and networks, gives its throughput.

`--images` processes GeoTIFFs instead, without a smaller season and without that loop, and
with `tulip run` as it is.

Prints a table and writes `beam.json` into the working folder, with `--page` also the page about it.
With `--work` every part is cached there, and the same command continues after an interruption;
`--parts` stops it after so many.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.beam import page
from bench.beam.desk import RUN, TULIP, Desk
from bench.beam.season import CHIP, ground, write_chips, write_images, write_season
from bench.kept import Found, Kept, digest, machine
from tulip_ops.services import postgres

BENCH = Path(__file__).resolve().parent
PROGRAMS = [BENCH / f"{name}.py" for name in ("desk", "each", "loop")]
"""Beside tulip_ops, the code on which figures depend."""


class Way(NamedTuple):
    """`tulip beam` with these words."""

    name: str
    words: tuple[str, ...]
    threads: int
    """Of all workers together."""


WAYS = (
    Way("DirectRunner, 1 worker of 1 thread", ("--workers", "1"), 1),
    Way("DirectRunner, 1 worker of 2 threads", ("--workers", "1"), 2),
    Way("DirectRunner, 2 workers of 1 thread", ("--workers", "2"), 2),
    Way("DaskRunner, 2 workers of 1 thread", ("--runner", "DaskRunner", "--workers", "2"), 2),
)


class Season(NamedTuple):
    """One archive that all ways process."""

    name: str
    archive: Path
    chips: Path
    ids: tuple[str, ...]

    @property
    def period(self) -> tuple[str, ...]:
        days = sorted(one.split("_")[2] for one in self.ids)
        first, last = (f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in (days[0], days[-1]))
        return ("--from", first, "--until", last)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--few", type=int, default=20, help="scenes of the smaller season")
    parser.add_argument("--side", type=int, default=2 * CHIP, help=f"pixels; a multiple of {CHIP}")
    parser.add_argument("--images", type=Path, help="folder of GeoTIFFs called *TRUE_COLOR.tif")
    parser.add_argument("--work", type=Path, help="folder that keeps every part")
    parser.add_argument("--parts", type=int, help="measure at most so many parts")
    parser.add_argument("--page", type=Path, help="folder of docs to write the page into")
    asked = parser.parse_args(arguments)
    if asked.side % CHIP or asked.few >= asked.scenes:
        parser.error(f"--side must be a multiple of {CHIP}, and --few less than --scenes")
    if asked.work:
        measure(asked, asked.work.absolute())
    else:
        with tempfile.TemporaryDirectory() as scratch:
            measure(asked, Path(scratch))


def measure(asked: argparse.Namespace, work: Path) -> None:
    """Every part that is not there yet, then the table of all."""
    question = [asked.scenes, asked.few, asked.side, str(asked.images)]
    made = Kept(work / "made", [*question, digest([BENCH / "season.py"])])
    seasons = _seasons(asked, work, made)
    code = digest([*PROGRAMS, *(BENCH.parents[1] / "tulip_ops").rglob("*.py")])
    kept = Kept(work / "parts", [*question, code])
    left = asked.parts

    def part(name: str, measured: Callable[[], Found]) -> Found:
        def counted() -> Found:
            nonlocal left
            if left == 0:
                raise SystemExit("the same command measures the rest")
            left = None if left is None else left - 1
            return measured()

        return kept.part(name, counted)

    found = {season.name: _ways(season, work, part) for season in seasons}
    data = {"machine": machine(), "scenes": asked.scenes, "few": asked.few, "side": asked.side,
            "images": asked.images and asked.images.name, "minutes": kept.seconds / 60,
            "found": found}  # fmt: skip
    (work / "beam.json").write_text(json.dumps(data, indent=2) + "\n")
    print(page.table(data))
    if asked.page:
        page.write(data, asked.page)
    if different := page.different(data):
        raise SystemExit("not the same as after `tulip run`:\n" + "\n".join(different))


def _seasons(asked: argparse.Namespace, work: Path, made: Kept) -> list[Season]:
    def season(name: str, count: int) -> Season:
        archive, chips = work / f"archive-{name}", work / f"chips-{name}"

        def write() -> Found:
            shutil.rmtree(archive, ignore_errors=True)
            shutil.rmtree(chips, ignore_errors=True)
            if asked.images:
                ids = write_images(archive, sorted(asked.images.glob("*TRUE_COLOR.tif")))
            else:
                ids = write_season(archive, count, asked.side)
                write_chips(archive, chips)
            return {"ids": [str(one) for one in ids]}

        found = made.part(name, write, [archive / "catalog.json"])
        return Season(name, archive, chips, tuple(found["ids"]))

    full = season("whole", asked.scenes)
    return [full] if asked.images else [season("few", asked.few), full]


def _ways(
    season: Season, work: Path, part: Callable[[str, Callable[[], Found]], Found]
) -> dict[str, Found]:
    """By way: chips, seconds and, but for the loop, the rows and products that it left."""
    chips = ground(season.archive)
    found: dict[str, Found] = {}
    if season.chips.is_dir():
        found[page.LOOP] = part(f"{season.name} loop", lambda: _loop(season, work))
    each = _run if season.chips.is_dir() else _commands
    found[page.EACH] = part(f"{season.name} run", lambda: each(season, work))
    for way in WAYS:
        found[way.name] = part(
            f"{season.name} {way.name}", lambda way=way: _beam(season, work, way)
        )
    return {name: {"chips": chips, **one} for name, one in found.items()}


def _loop(season: Season, work: Path) -> Found:
    masks = work / "masks"
    shutil.rmtree(masks, ignore_errors=True)
    words = [sys.executable, BENCH / "loop.py", season.chips, masks, str(_cores())]
    began = time.perf_counter()
    subprocess.run(words, check=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    return {"seconds": time.perf_counter() - began}


def _run(season: Season, work: Path) -> Found:
    words = [sys.executable, BENCH / "each.py", *season.ids]
    return _timed(season, work, _cores(), lambda desk: desk.run(*words))


def _commands(season: Season, work: Path) -> Found:
    def run_each(desk: Desk) -> None:
        for one in season.ids:
            desk.run(TULIP, "run", one, codes={0, 99})

    return _timed(season, work, _cores(), run_each)


def _beam(season: Season, work: Path, way: Way) -> Found:
    words = [TULIP, "beam", *way.words, *season.period, "--run-id", RUN]
    return _timed(season, work, way.threads, lambda desk: desk.run(*words))


def _timed(season: Season, work: Path, threads: int, task: Callable[[Desk], object]) -> Found:
    """The seconds that `task` takes at a new desk, and what it leaves there."""
    folder = work / "desk"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    server = postgres.start(folder / "postgres", durable=False)
    try:
        desk = Desk(folder / "state", season.archive, server.url, threads)
        desk.run(TULIP, "backfill", *season.period)
        began = time.perf_counter()
        task(desk)
        return {"seconds": time.perf_counter() - began, **desk.left()}
    finally:
        server.stop()
        shutil.rmtree(folder)


def _cores() -> int:
    return os.cpu_count() or 1


if __name__ == "__main__":
    main(sys.argv[1:])
