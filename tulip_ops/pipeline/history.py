"""From looks to the fields of a season, and from observations to seasons: `tulip history`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tulip_ops.core.errors import ProductMissing
from tulip_ops.core.processing_settings import FieldSettings
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import Outcome
from tulip_ops.fields.phenology import bloom_curves
from tulip_ops.fields.phenology import season as phenology
from tulip_ops.pipeline import field_updates
from tulip_ops.pipeline.history_products import HistoryProducts, StoredProducts, Unread
from tulip_ops.postgis import connection, field_seasons, locks, observations, season_detections
from tulip_ops.postgis.connection import Connection, transaction
from tulip_ops.postgis.detections import Season, seasons
from tulip_ops.postgis.field_seasons import FieldSeasonKey
from tulip_ops.postgis.season_detections import BloomWindow
from tulip_ops.storage.product_store import open_store

if TYPE_CHECKING:
    from shapely.geometry import Polygon


def roll_up(settings: Settings, years: Sequence[int], *, rebuild: bool = False) -> list[Outcome]:
    """Bring fields, observations and seasons up to date, in one transaction.

    years: whose fields to draw; none means all. Only what changed since the last
    history is drawn, observed and summed up, and only rows that change are touched, so that a
    second call changes nothing; rebuild: take everything for changed. What a newer processing
    supersedes no longer counts.

    Products are read outside the transaction, and nobody who records waits for that: what has to
    be read is found by going through the transaction and taking it back (`history_products`). If
    somebody recorded something meanwhile, a further round reads what is missing then.

    `ProductMissing` or `ProductDamaged`, after everything else was committed, if an acquisition's
    products are gone.
    """
    products = StoredProducts(open_store(settings.storage), settings.fields, settings.execution)
    with connection.connect(settings.database.writer_url(), "tulip history") as database:
        locks.lock_histories(database)
        while True:
            try:
                done = bring_up_to_date(database, settings.fields, years, products, rebuild=rebuild)
                break
            except Unread as unread:
                unread.read()
    if products.problems:
        told = "; ".join(f"{name} ({why})" for name, why in sorted(products.problems.items()))
        raise ProductMissing(
            f"the history is kept, but without {told}: repeat the steps of these acquisitions,"
            " then `tulip history`"
        )
    return done


def bring_up_to_date(
    database: Connection,
    settings: FieldSettings,
    years: Sequence[int],
    products: HistoryProducts,
    *,
    rebuild: bool = False,
) -> list[Outcome]:
    """One history in one transaction.

    `Unread`, and nothing done, if products must be read first.
    """
    with transaction(database):
        locks.lock_history(database)
        if rebuild:
            season_detections.mark_all_changed(database)
        known = [s for s in seasons(database) if not years or s.year in years]
        superseded = sum(field_seasons.supersede(database, season) for season in known)
        changes = draw_seasons(database, settings.bloom_window, years, products)
        if rebuild:
            changes = {season: season_detections.ground(database, season) for season in changes}
        for season, ground in changes.items():
            field_updates.update_fields(database, season, ground, settings.fields_from)
        observed = observations.write_observations(
            database, products.observations(observations.unobserved(database))
        )
        observations.mark_observed(database, products.problems)
        changed = sum_up(database, settings.bloom_window)
        counts = field_seasons.count_fields(database, years)
    fresh = bool(superseded or observed or changed)
    chosen = sorted({*known, *changes})
    return [
        _outcome(season, counts.get(season, 0), fresh, changed[season.year]) for season in chosen
    ]


def draw_seasons(
    database: Connection,
    window: BloomWindow,
    years: Sequence[int],
    products: HistoryProducts,
) -> dict[Season, list[Polygon]]:
    """Draw the fields of every tile and season in which other looks count than before.

    window: first and last month-day of the looks that count; `Unread`. Returns the ground on which
    season detections changed.
    """
    changes: dict[Season, list[Polygon]] = {}
    for season_tile in season_detections.take_changes(database, years):
        drawn = products.season_detections(
            season_tile,
            season_detections.looks(database, season_tile, window),
            is_drawn=season_detections.is_drawn(database, season_tile),
        )
        if not drawn.is_complete:
            season_detections.mark_changed(database, season_tile)
        if drawn.detections is not None:
            ground = season_detections.replace(database, season_tile, drawn.detections)
            season = Season(season_tile.season, season_tile.simulated)
            changes.setdefault(season, []).extend(ground)
    return dict(sorted(changes.items()))


def sum_up(database: Connection, window: tuple[str, str]) -> Counter[int]:
    """Sum up the seasons of which something changed; returns changed rows by year.

    window: first and last month-day between which clear observations decide. When the fields of a
    neighbourhood flower tells when one of them would have, or was at its height, so that they
    are summed up together; onset and end of one in flower use its own observations alone.
    """
    stale = field_seasons.take_stale(database)
    said = {
        key: [(look.acquisition_id.day, look) for look in looks]
        for key, looks in observations.observations_of(
            database, [key for fields in stale.values() for key in fields]
        ).items()
    }
    begins: dict[FieldSeasonKey, bloom_curves.OnsetPrior] = {}
    for (_, _, season), fields in stale.items():
        patterns = [phenology.clear_days(said.get(key, []), window) for key in fields]
        known = bloom_curves.estimate_onset([found for found in patterns if found], season, window)
        begins |= dict.fromkeys(fields, known)
    keys = list(begins)
    evidence = field_seasons.evidence_of(database, keys)
    rows = [
        phenology.summarize(*key, said[key], evidence.get(key), window, begins[key])
        for key in keys
        if key in said
    ]
    return field_seasons.write_field_seasons(database, keys, rows)


def _outcome(season: Season, count: int, fresh: bool, changed: int) -> Outcome:
    data = "simulated season" if season.simulated else "season"
    summary = f"{data} {season.year}: {count} fields with tulips, {changed} rows changed"
    figures: dict[str, float | int | str] = {
        "season": season.year,
        "simulated": int(season.simulated),
        "fields": count,
        "changed": changed,
    }
    return Outcome("done", fresh, summary, figures)
