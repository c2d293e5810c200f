"""`tulip discover`, the steps of one acquisition, and `tulip history`."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta

import click

from tulip_ops.cli import revisit
from tulip_ops.cli.options import SKIPPED, DayType, acquisition_id, as_json, run_id, show
from tulip_ops.core.settings import Settings
from tulip_ops.core.source_settings import LONGEST_LOOK_BACK
from tulip_ops.core.types import NETWORK_STEPS, STEPS, AcquisitionId, NetworkStep, Outcome, Step

log = logging.getLogger(__name__)

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
@click.option(
    "--look-back", type=click.IntRange(1, LONGEST_LOOK_BACK), help="Days; default: the setting."
)
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
    days = look_back or settings.sources.look_back_days
    first = since or max(date.min + timedelta(days), last) - timedelta(days)
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
        **found.survey.as_json(),
        alerts=[alert.message for alert in found.survey.result.alerts],
        revisit={area: revisit.counted(passes) for area, passes in found.passes.items()},
        since=str(first),
        until=str(last),
    )


look = click.option(
    "--look",
    is_flag=True,
    help="Only check whether the product is complete, and fail if a network must run.",
)


def _step(step: Step) -> click.Command:
    @click.command(name=step.name, help=step.help)
    @acquisition_id
    @force
    @run_id
    @as_json
    @click.pass_context
    def command(
        ctx: click.Context, acquisition_id: AcquisitionId, force: bool, run_id: str, as_json: bool
    ) -> None:
        from tulip_ops.pipeline.run import attempt

        outcome = attempt(step.name, acquisition_id, Settings.load(), run_id=run_id, force=force)
        _show(step.name, acquisition_id, outcome, as_json=as_json)
        if outcome.state == "skipped":
            ctx.exit(SKIPPED)

    return command


def _network_step(name: NetworkStep, help_text: str) -> click.Command:
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
        from tulip_ops.pipeline.batch import process_pending
        from tulip_ops.pipeline.run import attempt, check

        settings = Settings.load()
        if look:
            outcome = check(name, acquisition_id, settings, run_id=run_id)
        else:
            outcome = attempt(name, acquisition_id, settings, run_id=run_id, force=force)
        _show(name, acquisition_id, outcome, as_json=as_json)
        if not (look or force):
            for other, done in process_pending(
                name, settings, besides=acquisition_id, run_id=run_id
            ):
                _show(name, other, done, as_json=as_json)
        if outcome.state == "skipped":
            ctx.exit(SKIPPED)

    return command


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


def _command(step: Step) -> click.Command:
    for name in NETWORK_STEPS:
        if name == step.name:
            return _network_step(name, step.help)
    return _step(step)


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
    from tulip_ops.ml.inference.strip_cache import StripCache
    from tulip_ops.pipeline.networks import LocalNetworks
    from tulip_ops.pipeline.run import attempt

    settings = Settings.load()
    networks = LocalNetworks(settings.execution, StripCache(settings.execution.memory_gb))
    for step in STEPS:
        outcome = attempt(
            step.name, acquisition_id, settings, run_id=run_id, force=force, networks=networks
        )
        _show(step.name, acquisition_id, outcome, as_json=as_json)
        if outcome.state == "skipped":
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
    help="Draw everything again, as after a change of TULIP_FIELDS_FROM, TULIP_OUTLINES or"
    " TULIP_BLOOM_WINDOW; ids of fields stay.",
)
@as_json
def history(seasons: tuple[int, ...], rebuild: bool, as_json: bool) -> None:
    """Draw the fields of each season; each bloomed, did not bloom, or was not seen.

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
    *(_command(step) for step in STEPS),
    run,
    history,
)
