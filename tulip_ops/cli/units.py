"""`tulip units`: processing units of Sentinel Hub, used and to come."""

from __future__ import annotations

import click

from tulip_ops.cli.options import as_json, show
from tulip_ops.core.settings import Settings


@click.command()
@click.option("--area", "areas", multiple=True, help="Only this area; may be repeated.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.5),
    default=2.5,
    show_default=True,
    help="Days from one acquisition over an area to the next.",
)
@as_json
def units(areas: tuple[str, ...], every: float, as_json: bool) -> None:
    """Processing units of Sentinel Hub that each month used, and the cost of a season.

    A season is TULIP_BLOOM_WINDOW. Sends no request to Sentinel Hub. See also tulip.unit_months
    and tulip.unit_booking.
    """
    from tulip_ops.pipeline import cost_estimate
    from tulip_ops.postgis import areas as area_table
    from tulip_ops.postgis import budgets, connection

    settings = Settings.load()
    with connection.connect(settings.database.writer_url(), "tulip units") as database:
        months = budgets.months(database)
        wanted = area_table.get_areas(database, areas or None)
    seasons = cost_estimate.season_costs(wanted, settings.fields.bloom_window, every)
    lines = [
        f"{month.month:%Y-%m} {month.service}: {month.units:.2f} of"
        f" {settings.sentinel_hub.units_per_month:g} units, {month.requests} requests"
        + (f" ({month.unsettled} without an answer)" if month.unsettled else "")
        for month in months
    ] or ["no processing units were used yet"]
    lines += [
        f"area {cost.area} ({cost.width} x {cost.height} px): {cost.look:.2f} units a look,"
        f" {cost.season:.0f} for the {cost.looks} looks of a season; true colour"
        f" {cost.look_true_color:.2f} and {cost.season_true_color:.0f}"
        for cost in seasons
    ]
    show(
        as_json,
        "\n".join(lines),
        months=[
            {
                "service": month.service,
                "month": str(month.month),
                "requests": month.requests,
                "units": month.units,
                "unsettled": month.unsettled,
            }
            for month in months
        ],
        seasons=[
            {
                "area": cost.area,
                "looks": cost.looks,
                "units": round(cost.season, 3),
                "units_true_color": round(cost.season_true_color, 3),
            }
            for cost in seasons
        ],
        units_per_month=settings.sentinel_hub.units_per_month,
        units_per_run=settings.sentinel_hub.units_per_run,
    )
