"""`tulip backfill`: what is left to carry of a range of days, and what that will cost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tulip_ops.cli.options import SKIPPED, DayType, as_json, show
from tulip_ops.core.settings import Settings

if TYPE_CHECKING:
    from tulip_ops.pipeline.backfill import Backfill, Work

log = logging.getLogger(__name__)

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--area", "areas", multiple=True, help="Only this area; may be repeated."),
    click.option(
        "--source",
        "sources",
        multiple=True,
        help="Ask this source instead of each area's own; may be repeated, in order.",
    ),
    click.option("--from", "since", type=DayType(), help="First day of sensing."),
    click.option("--until", type=DayType(), help="Last day of sensing; default: today."),
    click.option(
        "--budget",
        type=click.FloatRange(min=0),
        help="Processing units that the reading may cost, by estimate: what was sensed first is"
        " taken, as far as they reach. Default: no bound but TULIP_UNITS_PER_RUN.",
    ),
)


def selection(command: Command) -> Command:
    """The options that say which acquisitions are meant."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@selection
@click.option("--dry-run", is_flag=True, help="Only estimate; the ledger does not change.")
@as_json
@click.pass_context
def backfill(
    ctx: click.Context,
    areas: tuple[str, ...],
    sources: tuple[str, ...],
    since: date | None,
    until: date | None,
    budget: float | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """List what is left of a range of days, and add it to the ledger.

    Prints the ids that the sources offer and the ledger does not have as done, with an estimate of
    bytes, processing units and hours. The DAG tulip_backfill starts a run for each; `tulip beam`
    processes all of them at once, and `tulip run ID` one of them.
    """
    from tulip_ops.pipeline import backfill as backfills

    settings = Settings.load()
    found = chosen(settings, areas, sources, since, until, budget)
    if not dry_run:
        backfills.admit(settings.database, found)
    log_estimate(found)
    ids = [str(one.acquisition.id) for one in found.work]
    show(
        as_json,
        "\n".join(ids) if ids else f"nothing is left to carry, {found.done} are done",
        new=[str(one.acquisition.id) for one in found.work if one.new],
        pending=[str(one.acquisition.id) for one in found.work if not one.new],
        left=[str(one.acquisition.id) for one in found.left],
        done=found.done,
        **figures(found),
        **found.survey.as_json(),
    )
    if not ids:
        ctx.exit(SKIPPED)


def chosen(
    settings: Settings,
    areas: Sequence[str],
    sources: Sequence[str],
    since: date | None,
    until: date | None,
    budget: float | None,
    *,
    again: bool = False,
) -> Backfill:
    """What the options mean; a usage error without a first day, or with the days in disorder."""
    from tulip_ops.pipeline import backfill as backfills

    now = datetime.now(UTC)
    last = until or now.date()
    if since is None or since > last:
        raise click.UsageError(
            f"--from must give the first day, no later than {last}"
            if since is None
            else f"--from {since} is later than --until {last}"
        )
    return backfills.plan(
        settings,
        areas=areas,
        sources=sources,
        since=since,
        until=last,
        now=now,
        budget=budget,
        again=again,
    )


def figures(backfill: Backfill) -> dict[str, object]:
    """The estimate, for machines."""
    return {
        "acquisitions": len(backfill.work),
        "megapixels": round(sum(one.pixels for one in backfill.work) / 1e6, 3),
        "bytes": sum(one.bytes for one in backfill.work),
        "units": round(sum(one.units for one in backfill.work), 3),
        "hours": None if backfill.hours is None else round(backfill.hours, 3),
        "hours_measured_on": backfill.measured,
    }


def log_estimate(backfill: Backfill) -> None:
    """Log the estimate for people."""
    for problem in backfill.survey.problems():
        log.warning("%s", problem)
    pixels = sum(one.pixels for one in backfill.work)
    log.info(
        "%d acquisitions to carry, %d done before: %.1f Mpx, %.2f GB before compression,"
        " %.2f processing units",
        len(backfill.work), backfill.done, pixels / 1e6, _gigabytes(backfill.work),
        sum(one.units for one in backfill.work),
    )  # fmt: skip
    if backfill.hours is None:
        log.info("hours are not known: nothing was carried over these areas yet")
    else:
        log.info(
            "about %.2f hours one by one, as the %d that were carried before took %.1f s each",
            backfill.hours, backfill.measured, backfill.seconds_each,
        )  # fmt: skip
    if backfill.left:
        log.warning(
            "the budget has no room for %d more (%.2f units, %s to %s): repeat with another",
            len(backfill.left), sum(one.units for one in backfill.left),
            backfill.left[0].acquisition.id.day, backfill.left[-1].acquisition.id.day,
        )  # fmt: skip


def _gigabytes(work: Sequence[Work]) -> float:
    return sum(one.bytes for one in work) / 1e9
