"""`tulip revisit` and `tulip alerts`: what should have come, and what is wrong with sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from tulip_ops.cli.options import FAILED, as_json, show
from tulip_ops.core.settings import Settings

if TYPE_CHECKING:
    from tulip_ops.core.revisit import Pass, State


@click.command()
@click.option("--area", "areas", multiple=True, help="Only this area; may be repeated.")
@as_json
def revisit(areas: tuple[str, ...], as_json: bool) -> None:
    """List which overpasses of satellites were expected over the areas, and which arrived.

    Learned from the last 120 days in the ledger, separately for each relative orbit of each
    satellite, so no spacing is assumed. Lists what arrived within the look-back
    (TULIP_LOOK_BACK_DAYS), what is awaited (TULIP_PUBLICATION_HOURS have not passed), what is late,
    and what comes within ten days. Simulated acquisitions follow no orbit.
    """
    from tulip_ops.pipeline import discover
    from tulip_ops.postgis import areas as area_table
    from tulip_ops.postgis import connection

    settings = Settings.load()
    with connection.connect(settings.database.writer_url(), "tulip revisit") as database:
        wanted = area_table.get_areas(database, areas or None)
        passes = discover.review_passes(database, wanted, settings.sources, now=datetime.now(UTC))
    text = [line for area, found in passes.items() for line in _told(area, found)]
    show(
        as_json,
        "\n".join(text) or "no area yet: add one with `tulip aoi add FILE`",
        areas={
            area: {**counted(found), "passes": [_figures(one) for one in found]}
            for area, found in passes.items()
        },
    )


@click.command()
@as_json
@click.pass_context
def alerts(ctx: click.Context, as_json: bool) -> None:
    """List sources that are silent, refused or stale. Exits 1 if there is any.

    Stored in tulip.alert, from the first query that found the problem to the first without it;
    tulip.open_alerts has the current ones.
    """
    from tulip_ops.postgis import alerts as alert_table
    from tulip_ops.postgis import connection

    with connection.connect(Settings.load().database.writer_url(), "tulip alerts") as database:
        found = alert_table.open_alerts(database)
    lines = [f"since {one.began_at:%Y-%m-%d %H:%M} UTC: {one.alert.message}" for one in found]
    show(
        as_json,
        "\n".join(lines) or "every source that was asked answered, and is fresh",
        alerts=[
            {
                "source": one.alert.source,
                "kind": one.alert.kind,
                "area": one.alert.area,
                "message": one.alert.message,
                "newest_at": one.alert.newest_at and one.alert.newest_at.isoformat(),
                "began_at": one.began_at.isoformat(),
            }
            for one in found
        ],
    )
    if found:
        ctx.exit(FAILED)


def counted(passes: Sequence[Pass]) -> dict[str, object]:
    """For JSON: how many were expected and came, how many came else; which did not, or are next."""
    return {
        "expected": sum(one.expected and one.state != "next" for one in passes),
        "arrived": sum(one.expected and one.state == "arrived" for one in passes),
        "unexpected": sum(not one.expected for one in passes),
        **{
            state: [_figures(one) for one in passes if one.state == state]
            for state in ("awaited", "late", "next")
        },
    }


def lines(area: str, passes: Sequence[Pass], state: State) -> Iterator[str]:
    """A line for people for each pass of this state."""
    for one in passes:
        if one.state == state:
            yield f"{state} over {area}: {_name(one)} {one.at:%Y-%m-%d}"


def _told(area: str, passes: Sequence[Pass]) -> Iterator[str]:
    if not passes:
        yield f"{area}: no satellite was seen over it lately, so that nothing can be expected"
        return
    states = Counter(one.state for one in passes if one.expected)
    yield (
        f"{area}: {states.total() - states['next']} overpasses expected,"
        f" {states['arrived']} arrived, {states['late']} late, {states['awaited']} awaited;"
        f" {len(passes) - states.total()} more arrived"
    )
    for one in passes:
        surprise = "" if one.expected else ", the first of its orbit"
        yield f"    {one.at:%Y-%m-%d}  {_name(one):9}  {one.state}{surprise}"


def _name(one: Pass) -> str:
    return one.platform + (f" R{one.relative_orbit:03}" if one.relative_orbit else "")


def _figures(one: Pass) -> dict[str, object]:
    return {
        "day": f"{one.at:%Y-%m-%d}",
        "platform": one.platform,
        "relative_orbit": one.relative_orbit,
        "state": one.state,
        "expected": one.expected,
    }
