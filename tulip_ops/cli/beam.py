"""`tulip beam`: many acquisitions in one go, on Beam's runners."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from tulip_ops.cli.backfill import chosen, figures, log_estimate, selection
from tulip_ops.cli.options import BAD_DATA, FAILED, SKIPPED, as_json, show
from tulip_ops.core.errors import BadData, DatabaseUnavailable
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings
from tulip_ops.core.types import AcquisitionId
from tulip_ops.pipeline.beam.runner_names import DIRECT, RUNNERS
from tulip_ops.pipeline.beam.runner_options import require_allowed

if TYPE_CHECKING:
    from tulip_ops.postgis.ledger import LedgerState

log = logging.getLogger(__name__)


@click.command()
@click.option(
    "--runner",
    type=click.Choice(RUNNERS, case_sensitive=False),
    default=DIRECT,
    show_default=True,
    help="Which of Beam's runners; what else it needs comes after `--`.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes on this machine, which share TULIP_THREADS; of DirectRunner, and of DaskRunner"
    " unless it is given an address.",
)
@selection
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Instead of a range of days: this GeoTIFF, or the scenes of this folder, are added to the"
    " archive and processed; may be repeated.",
)
@click.option(
    "--again",
    is_flag=True,
    help="Also what the ledger has as done: whatever a new network or setting would make"
    " otherwise is made again.",
)
@click.option(
    "--run-id",
    default="beam by hand",
    show_default=True,
    help="What to call this run in the ledger.",
)
@click.option(
    "--flag",
    "more_flags",
    multiple=True,
    help="One of FLAGS, for launchers that cannot write `--`, as --flag=--flink_master=HOST:8081.",
)
@click.option("--labels", multiple=True, hidden=True)  # Airflow's operator names itself so
@as_json
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def beam(
    ctx: click.Context,
    runner: str,
    workers: int,
    areas: tuple[str, ...],
    sources: tuple[str, ...],
    since: date | None,
    until: date | None,
    budget: float | None,
    files: tuple[Path, ...],
    again: bool,
    run_id: str,
    more_flags: tuple[str, ...],
    labels: tuple[str, ...],
    as_json: bool,
    flags: tuple[str, ...],
) -> None:
    """Process an archive at once: every step of every acquisition, as one Beam pipeline.

    Processes what the sources offer from --from to --until and the ledger does not have as done,
    with the same products and rows as `tulip run ID`. A failed acquisition becomes a dead letter in
    the store, with its reason, and does not affect others; the same command processes it again and
    skips what is done. A file that is not a scene becomes a dead letter too. FLAGS after `--` are
    passed to Beam, except those that may run a program: docs/how-to/beam.md.
    """
    from tulip_ops.pipeline.beam import dead_letters, runners

    settings = Settings.load()
    options = [*flags, *more_flags, *(f"--labels={label}" for label in labels)]
    require_allowed(options)
    estimate: dict[str, object] = {}
    refused: dict[str, str] = {}
    if files:
        ids, refused = _from_files(files, settings, run_id, again=again)
    else:
        ids, estimate = _from_sources(settings, areas, sources, since, until, budget, again)
    if not ids and not refused:
        show(as_json, "nothing is left to carry", acquisitions=0, **_ends([], {}, {}))
        ctx.exit(SKIPPED)
    began = datetime.now(UTC)
    with _progress(ids, settings.database):
        metrics = runners.run(
            [str(i) for i in ids],
            run_id=run_id,
            runner=runner,
            workers=workers,
            threads=max(1, settings.execution.threads // workers),
            flags=options,
            own_flags=settings.execution.beam_options,
        )
    for name, value in sorted(metrics.items()):
        log.info("metric %s: %.6g", name, value)
    known, reasons = _ledger(ids, settings.database, run_id, began)
    ends = _ends(ids, known, reasons)
    told = [f"{len(found)} {state}" for state, found in ends.items() if found]
    told += [f"{len(refused)} files refused"] if refused else []
    show(
        as_json,
        f"{len(ids)} acquisitions: {', '.join(told)}",
        **{**estimate, "acquisitions": len(ids)},
        **ends,
        reasons={str(i): reason for i, reason in reasons.items()},
        refused=refused,
        metrics=metrics,
        run_id=run_id,
    )
    if ends["failed"] or ends["quarantined"] or refused:
        log.warning("dead letters: %s", dead_letters.address_of(settings.storage, run_id))
        ctx.exit(FAILED if ends["failed"] else BAD_DATA)


def _from_sources(
    settings: Settings,
    areas: Sequence[str],
    sources: Sequence[str],
    since: date | None,
    until: date | None,
    budget: float | None,
    again: bool,
) -> tuple[list[AcquisitionId], dict[str, object]]:
    from tulip_ops.pipeline import backfill

    found = chosen(settings, areas, sources, since, until, budget, again=again)
    log_estimate(found)
    backfill.admit(settings.database, found)
    return [one.acquisition.id for one in found.work], figures(found)


def _from_files(
    files: Sequence[Path], settings: Settings, run_id: str, *, again: bool
) -> tuple[list[AcquisitionId], dict[str, str]]:
    """What of the files is left to carry, and by file why it is none: a dead letter each."""
    from tulip_ops.pipeline import backfill
    from tulip_ops.pipeline.beam import dead_letters
    from tulip_ops.sources.archive import png_chips
    from tulip_ops.sources.archive.source import Archive

    refused: dict[str, str] = {}

    def refuse(path: Path, error: BadData) -> None:
        name, kind = str(given.get(path, path)), type(error).__name__
        message = str(error).replace(str(path), name)  # a copy on its way is nobody's file
        refused[name] = f"{kind}: {message}"
        log.warning("refused: %s", refused[name])
        letter = f"{path.name}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        dead_letters.write_letter(
            settings.storage, run_id, letter, file=name, step="add", error=kind, message=message
        )

    archive = Archive(settings.storage.archive_place, settings.storage.s3_endpoint)
    given: dict[Path, Path] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for path in png_chips.scenes(files):
            try:
                given[png_chips.georeferenced(path, Path(scratch))] = path
            except BadData as error:
                refuse(path, error)
        ids = archive.add_files(
            list(given), stretch=settings.sources.true_color_stretch, refuse=refuse
        )
    return backfill.admit_scenes(settings.database, archive, ids, again=again), refused


def _ledger(
    ids: Sequence[AcquisitionId], settings: DatabaseSettings, run_id: str, began: datetime
) -> tuple[dict[AcquisitionId, LedgerState], dict[AcquisitionId, str]]:
    from tulip_ops.postgis import connection, ledger

    with connection.connect(settings.reader_url(), "tulip beam") as database:
        return ledger.states_of(database, ids), ledger.failure_reasons(database, ids, run_id, began)


def _ends(
    ids: Sequence[AcquisitionId],
    known: Mapping[AcquisitionId, LedgerState],
    reasons: Mapping[AcquisitionId, str],
) -> dict[str, list[str]]:
    """By how they ended; what came to no end, or failed although an older state stands, failed."""
    ends: dict[str, list[str]] = {"recorded": [], "skipped": [], "quarantined": [], "failed": []}
    for one in ids:
        state = known[one].state if one in known else "failed"
        failed = state not in ends or (one in reasons and state != "quarantined")
        ends["failed" if failed else state].append(str(one))
    return ends


@contextmanager
def _progress(ids: Sequence[AcquisitionId], settings: DatabaseSettings) -> Iterator[None]:
    """A bar of what came to its end, as the ledger has it, whichever runner carries it."""
    from tulip_ops.pipeline import backfill
    from tulip_ops.postgis import connection, ledger

    over = threading.Event()
    # disable=None: no bar where stderr is no terminal
    bar = tqdm(total=len(ids), desc="beam", unit="acquisition", disable=None)

    def watch() -> None:
        while not over.wait(5.0):
            try:
                with connection.connect(settings.reader_url(), "tulip beam") as database:
                    states = [entry.state for entry in ledger.states_of(database, ids).values()]
            except DatabaseUnavailable:
                continue  # those who write to it say so
            bar.n = sum(state in backfill.FINAL_STATES for state in states)
            bar.refresh()

    watching = threading.Thread(target=watch, daemon=True)
    if not bar.disable:
        watching.start()
    try:
        yield
    finally:
        over.set()
        bar.close()
