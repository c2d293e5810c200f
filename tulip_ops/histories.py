"""From detections to fields, from looks to seasons: what `tulip history` does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby

from tulip_ops import bloom, fields, rasters
from tulip_ops import seasons as thinking
from tulip_ops.domain import FieldSeason, Observation, Outcome, Verdict
from tulip_ops.errors import ProductDamaged, ProductMissing
from tulip_ops.grid import WGS84, project
from tulip_ops.postgis import connection, history
from tulip_ops.postgis.connection import Connection, transaction
from tulip_ops.postgis.history import Season, Unobserved
from tulip_ops.settings import Settings
from tulip_ops.store import Store, open_store

log = logging.getLogger(__name__)


def roll_up(settings: Settings, years: Sequence[int]) -> list[Outcome]:
    """Bring fields, observations and seasons up to date, in one transaction.

    years: whose detections to join to fields; none means all. A field that appears in one season
    was there in the others: every acquisition over it gets its say, and every season is summed
    up again. What a newer processing supersedes no longer counts. Only rows that change are
    touched, so a second call changes nothing.
    `ProductMissing` or `ProductDamaged`, after everything else was kept, if an acquisition's
    products are gone.
    """
    store = open_store(settings)
    problems: list[str] = []
    with (
        connection.connect(settings.writer_url(), "tulip history") as database,
        transaction(database),
    ):
        history.lock_history(database)
        known = history.seasons(database)
        chosen = [season for season in known if not years or season.year in years]
        superseded = sum(history.supersede(database, season) for season in chosen)
        found = {season: _join(database, season) for season in chosen}
        looks = list(_look(history.unobserved(database), store, problems))
        observed = history.write_observations(database, looks)
        changed = {season: _sum_up(database, season, settings) for season in known}
    if problems:
        raise ProductMissing(
            f"the history is kept, but without {'; '.join(problems)}: repeat the steps of these"
            " acquisitions, then `tulip history`"
        )
    fresh = bool(superseded or observed or any(changed.values()))
    return [_outcome(season, found[season], fresh, changed[season]) for season in chosen]


def _join(database: Connection, season: Season) -> int:
    """Join the detections of a season to fields; returns how many fields they are."""
    detections = history.season_detections(database, season)
    season_fields = fields.cluster(detections)
    assignment = fields.assign(season_fields, history.known_fields(database, season))
    history.save_fields(database, season, dict(assignment.kept), assignment.new)
    return len(season_fields)


def _look(
    unobserved: Sequence[Unobserved], store: Store, problems: list[str]
) -> Iterator[Observation]:
    """What each acquisition says of fields that it has said nothing of."""
    for pair in unobserved:
        if pair.skipped:
            for field in pair.fields:
                yield Observation(field.id, pair.acquisition_id, Verdict.NOT_SEEN, 0.0, None, None)
            continue
        try:
            yield from _observe(pair, store)
        except (ProductMissing, ProductDamaged) as error:
            log.error("%s cannot be looked at: %s", pair.acquisition_id, error)
            problems.append(f"{pair.acquisition_id} ({error})")


def _observe(pair: Unobserved, store: Store) -> list[Observation]:
    probability, grid = rasters.read_probability(store.product(pair.acquisition_id, "tulip.tif"))
    in_flower = float(store.asset(pair.acquisition_id, "tulip.tif")["tulip:bloom_threshold"])
    outlines = [project(field.geometry, WGS84, grid.epsg) for field in pair.fields]
    inside = bloom.share_inside(outlines, grid)
    observations = []
    for layer in bloom.layers(outlines):
        labels = rasters.burn([outlines[index] for index in layer], grid)
        looks = bloom.observe(
            labels,
            len(layer),
            probability[0],
            probability[1],
            in_flower=in_flower,
            inside=inside[layer],
        )
        observations += [
            Observation(
                pair.fields[index].id,
                pair.acquisition_id,
                look.verdict,
                look.clear_fraction,
                look.tulip_probability,
                look.bloom_fraction,
            )
            for index, look in zip(layer, looks, strict=True)
        ]
    return observations


def _sum_up(database: Connection, season: Season, settings: Settings) -> int:
    """Write what the season's observations together say; returns how many rows changed."""
    areas = history.season_areas(database, season)
    rows: list[FieldSeason] = []
    observations = history.season_observations(database, season)
    for field_id, group in groupby(observations, key=lambda observation: observation.field_id):
        looks = [(observation.acquisition_id.day, observation) for observation in group]
        rows.append(
            thinking.summarize(
                field_id, season.year, looks, areas.get(field_id), settings.bloom_window
            )
        )
    return history.write_field_seasons(database, season, rows)


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
