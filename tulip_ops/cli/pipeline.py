"""`tulip discover`, the steps of one acquisition, and `tulip history`."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from tulip_ops.cli import revisit
from tulip_ops.cli.options import SKIPPED, DayType, acquisition_id, as_json, run_id, show
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import AcquisitionId, Outcome

if TYPE_CHECKING:
    from tulip_ops.ml.inference.strip_cache import Strips

log = logging.getLogger(__name__)

STEPS = {
    "acquire": "Read the pixels over the areas; reflectance on the tile's 10 m grid.",
    "screen": "Run the cloud filter: where is the ground clear?",
    "segment": "Run the U-Net: where do tulips grow, where do they flower?",
    "vectorize": "Turn probabilities into polygons with their figures.",
    "record": "Write the detections into PostGIS in one transaction.",
}
NETWORK_STEPS = frozenset({"screen", "segment"})

force = click.option("--force", is_flag=True, help="Make the product again even if it is complete.")


@click.command()
@click.option("--area", "areas", multiple=True, help="Only this area; may be repeated.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    help="Ask this source instead of each area's own; may be repeated, in order.",
)
@click.option("--since", type=DayType(), help="First day to search; wins over --look-back.")
@click.option("--until", type=DayType(), help="Last day to search; default: today.")
@click.option("--look-back", type=click.IntRange(min=1), help="Days; default: the setting.")
@run_id
@as_json
def discover(
    areas: tuple[str, ...],
    sources: tuple[str, ...],
    since: date | None,
    until: date | None,
    look_back: int | None,
    run_id: str,
    as_json: bool,
) -> None:
    """Search the sources for new acquisitions over the areas, and add them to the ledger.

    Each area's sources are queried in order, until one answers and is fresh; `tulip alerts` lists
    those that are not. Prints the ids that need a run: those that are new,
    those that an earlier discovery found but no run has begun, and those whose last attempt
    failed half a day ago or longer.
    """
    from tulip_ops.pipeline import discover as discovery

    settings = Settings.load()
    now = datetime.now(UTC)
    last = until or now.date()
    first = since or last - timedelta(days=look_back or settings.look_back_days)
    found = discovery.discover(
        settings, areas=areas, sources=sources, since=first, until=last, now=now, run_id=run_id
    )
    for area, passes in found.passes.items():
        for line in revisit.lines(area, passes, "late"):
            log.warning("%s", line)
        for line in revisit.lines(area, passes, "next"):
            log.info("%s", line)
    ids = [str(i) for i in (*found.new, *found.pending)]
    show(
        as_json,
        "\n".join(ids) if ids else f"nothing new from {first} to {last}",
        new=[str(i) for i in found.new],
        pending=[str(i) for i in found.pending],
        known=found.known,
        **found.look.told(),
        alerts=[alert.message for alert in found.look.answers.alerts],
        revisit={area: revisit.counted(passes) for area, passes in found.passes.items()},
        since=str(first),
        until=str(last),
    )


look = click.option(
    "--look",
    is_flag=True,
    help="Only check whether the product is complete, and fail if a network must run.",
)


def _step(name: str, help_text: str) -> click.Command:
    @click.command(name=name, help=help_text)
    @acquisition_id
    @force
    @run_id
    @as_json
    @click.pass_context
    def command(
        ctx: click.Context, acquisition_id: AcquisitionId, force: bool, run_id: str, as_json: bool
    ) -> None:
        if not _carry_out(name, acquisition_id, force=force, run_id=run_id, as_json=as_json):
            ctx.exit(SKIPPED)

    return command


def _network_step(name: str, help_text: str) -> click.Command:
    @click.command(name=name, help=help_text + " With TULIP_BATCH one start processes several.")
    @acquisition_id
    @force
    @look
    @run_id
    @as_json
    @click.pass_context
    def command(
        ctx: click.Context,
        acquisition_id: AcquisitionId,
        force: bool,
        look: bool,
        run_id: str,
        as_json: bool,
    ) -> None:
        from tulip_ops.pipeline import batch

        done = _carry_out(
            name, acquisition_id, force=force, run_id=run_id, as_json=as_json, look=look
        )
        if not (look or force):
            for other, outcome in batch.carry_waiting(
                name, Settings.load(), beside=acquisition_id, run_id=run_id
            ):
                _show(name, other, outcome, as_json=as_json)
        if not done:
            ctx.exit(SKIPPED)

    return command


def _carry_out(
    name: str,
    acquisition_id: AcquisitionId,
    *,
    force: bool,
    run_id: str,
    as_json: bool,
    look: bool = False,
    kept: Strips | None = None,
) -> bool:
    from tulip_ops.pipeline import run as attempts

    outcome = attempts.attempt(
        name, acquisition_id, Settings.load(), force=force, run_id=run_id,
        kept=kept, wait=not look, compute=not look,
    )  # fmt: skip
    _show(name, acquisition_id, outcome, as_json=as_json)
    return outcome.state == "done"


def _show(name: str, acquisition_id: AcquisitionId, outcome: Outcome, *, as_json: bool) -> None:
    show(
        as_json,
        f"{acquisition_id} {name}: {outcome.summary}",
        acquisition=str(acquisition_id),
        step=name,
        outcome=outcome.state,
        fresh=outcome.fresh,
        summary=outcome.summary,
        **outcome.figures,
    )


@click.command()
@acquisition_id
@force
@run_id
@as_json
@click.pass_context
def run(
    ctx: click.Context, acquisition_id: AcquisitionId, force: bool, run_id: str, as_json: bool
) -> None:
    """Carry one acquisition through all its steps, acquire to record, in this process."""
    from tulip_ops.ml.inference.strip_cache import Strips

    kept = Strips(Settings.load().memory_gb)
    for name in STEPS:
        if not _carry_out(
            name, acquisition_id, force=force, run_id=run_id, as_json=as_json, kept=kept
        ):
            ctx.exit(SKIPPED)


@click.command()
@click.option(
    "--season",
    "seasons",
    type=click.IntRange(2015, 2100),
    multiple=True,
    help="Only this season; may be repeated; default: every season with detections.",
)
@click.option(
    "--rebuild",
    is_flag=True,
    help="Join everything again, as after a change of TULIP_FIELDS_FROM; ids of fields stay.",
)
@as_json
def history(seasons: tuple[int, ...], rebuild: bool, as_json: bool) -> None:
    """Join detections to fields; each bloomed, did not bloom, or was not seen.

    Processes only what changed since the last time; recording continues meanwhile.
    """
    from tulip_ops.pipeline import history as histories

    for outcome in histories.roll_up(Settings.load(), seasons, rebuild=rebuild):
        show(
            as_json,
            outcome.summary,
            outcome=outcome.state,
            fresh=outcome.fresh,
            summary=outcome.summary,
            **outcome.figures,
        )


COMMANDS: tuple[click.Command, ...] = (
    discover,
    *(
        (_network_step if name in NETWORK_STEPS else _step)(name, help_text)
        for name, help_text in STEPS.items()
    ),
    run,
    history,
)
