"""From detections to fields, from observations to seasons: what `tulip history` does."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tulip_ops.core.errors import ProductDamaged, ProductMissing
from tulip_ops.core.processing_settings import FieldSettings
from tulip_ops.core.settings import Settings
from tulip_ops.core.types import AcquisitionId, Observation, Outcome, Verdict
from tulip_ops.core.types import Field as TulipField
from tulip_ops.fields.phenology import bloom_curves, observation
from tulip_ops.fields.phenology import season as phenology
from tulip_ops.fields.phenology.observation import FieldObservation
from tulip_ops.pipeline import field_updates
from tulip_ops.postgis import connection, history, locks
from tulip_ops.postgis.connection import Connection, transaction
from tulip_ops.postgis.detections import Season, seasons
from tulip_ops.postgis.history import FieldSeasonKey, Unobserved
from tulip_ops.raster import cog, rasterize
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.storage.product_store import ProductStore, open_store
from tulip_ops.storage.products import TULIP

log = logging.getLogger(__name__)

_NOT_SEEN = FieldObservation(Verdict.NOT_SEEN, 0.0, None, None)


class ObservationsMissing(Exception):
    """Rolls a transaction back; names the products to read before the next try."""

    def __init__(self, wanted: list[Unobserved]) -> None:
        super().__init__(f"{len(wanted)} acquisitions have yet to be looked at")
        self.wanted = wanted


@dataclass(slots=True)
class ObservationCache:
    """Observations read from products, kept across transactions."""

    store: ProductStore
    seen: dict[tuple[AcquisitionId, str, bytes], FieldObservation] = field(default_factory=dict)
    """By acquisition, what was recorded of it, and outline of the field."""
    problems: dict[AcquisitionId, str] = field(default_factory=dict)
    """Acquisitions whose products are gone."""

    def read(self, wanted: Sequence[Unobserved]) -> None:
        for pair in wanted:
            try:
                looks = _observe_product(pair, self.store)
            except (ProductMissing, ProductDamaged) as error:
                log.error("%s cannot be looked at: %s", pair.acquisition_id, error)
                self.problems[pair.acquisition_id] = str(error)
                continue
            for one, look in zip(pair.fields, looks, strict=True):
                self.seen[_key(pair, one)] = look

    def observations(self, unobserved: Sequence[Unobserved]) -> list[Observation]:
        """Observations of the acquisitions; `ObservationsMissing` if some were not read yet."""
        said, wanted = [], []
        for pair in unobserved:
            if pair.skipped:
                looks = [(one, _NOT_SEEN) for one in pair.fields]
            elif pair.acquisition_id in self.problems:
                continue
            else:
                looks = [
                    (one, self.seen[_key(pair, one)])
                    for one in pair.fields
                    if _key(pair, one) in self.seen
                ]
                unread = tuple(one for one in pair.fields if _key(pair, one) not in self.seen)
                if unread:
                    wanted.append(
                        Unobserved(pair.acquisition_id, pair.skipped, pair.sha256, unread)
                    )
            said += [_observation(pair.acquisition_id, one, look) for one, look in looks]
        if wanted:
            raise ObservationsMissing(wanted)
        return said


def roll_up(settings: Settings, years: Sequence[int], *, rebuild: bool = False) -> list[Outcome]:
    """Bring fields, observations and seasons up to date, in one transaction.

    years: whose detections to join to fields; none means all. Only what changed since the last
    history is joined, observed and summed up, and only rows that change are touched, so that a
    second call changes nothing; rebuild: take everything for changed. What a newer processing
    supersedes no longer counts.

    Products are read outside the transaction, and nobody who records waits for that: what has to
    be read is found by going through the transaction and taking it back. If somebody recorded
    something meanwhile, a further round reads what is missing then.

    `ProductMissing` or `ProductDamaged`, after everything else was committed, if an acquisition's
    products are gone.
    """
    looks = ObservationCache(open_store(settings.storage))
    with connection.connect(settings.database.writer_url(), "tulip history") as database:
        locks.lock_histories(database)
        while True:
            try:
                done = bring_up_to_date(database, settings.fields, years, looks, rebuild=rebuild)
                break
            except ObservationsMissing as missing:
                looks.read(missing.wanted)
    if looks.problems:
        told = "; ".join(f"{name} ({why})" for name, why in sorted(looks.problems.items()))
        raise ProductMissing(
            f"the history is kept, but without {told}: repeat the steps of these acquisitions,"
            " then `tulip history`"
        )
    return done


def bring_up_to_date(
    database: Connection,
    settings: FieldSettings,
    years: Sequence[int],
    cache: ObservationCache,
    *,
    rebuild: bool = False,
) -> list[Outcome]:
    """One history in one transaction.

    `ObservationsMissing`, and nothing done, if some are not read.
    """
    with transaction(database):
        locks.lock_history(database)
        if rebuild:
            history.mark_all_changed(database)
        known = [s for s in seasons(database) if not years or s.year in years]
        superseded = sum(history.supersede(database, season) for season in known)
        changes = history.take_changes(database, years)
        for season, ground in changes.items():
            field_updates.update_fields(database, season, ground, settings.fields_from)
        observed = history.write_observations(
            database, cache.observations(history.unobserved(database))
        )
        history.mark_observed(database, cache.problems)
        changed = sum_up(database, settings.bloom_window)
        counts = history.count_fields(database, years)
    fresh = bool(superseded or observed or changed)
    chosen = sorted({*known, *changes})
    return [
        _outcome(season, counts.get(season, 0), fresh, changed[season.year]) for season in chosen
    ]


def sum_up(database: Connection, window: tuple[str, str]) -> Counter[int]:
    """Sum up the seasons of which something changed; returns changed rows by year.

    window: first and last month-day between which clear observations decide. When the fields of a
    neighbourhood flower tells when one of them would have, or was at its height, so that they
    are summed up together; onset and end of one in flower use its own observations alone.
    """
    stale = history.take_stale(database)
    said = {
        key: [(look.acquisition_id.day, look) for look in looks]
        for key, looks in history.observations_of(
            database, [key for fields in stale.values() for key in fields]
        ).items()
    }
    begins: dict[FieldSeasonKey, bloom_curves.OnsetPrior] = {}
    for (_, _, season), fields in stale.items():
        patterns = [phenology.clear_days(said.get(key, []), window) for key in fields]
        known = bloom_curves.estimate_onset([found for found in patterns if found], season, window)
        begins |= dict.fromkeys(fields, known)
    keys = list(begins)
    areas = history.areas_of(database, keys)
    rows = [
        phenology.summarize(*key, said[key], areas.get(key), window, begins[key])
        for key in keys
        if key in said
    ]
    return history.write_field_seasons(database, keys, rows)


def _observe_product(pair: Unobserved, store: ProductStore) -> list[FieldObservation]:
    """What the products of an acquisition say of each of the fields, in their order."""
    probability, grid = cog.read_probability(store.product(pair.acquisition_id, TULIP))
    in_flower = float(store.asset(pair.acquisition_id, TULIP)["tulip:bloom_threshold"])
    outlines = [project(one.geometry, WGS84, grid.epsg) for one in pair.fields]
    inside = observation.share_inside(outlines, grid)
    looks = [_NOT_SEEN] * len(outlines)
    for layer in observation.non_overlapping_groups(outlines):
        seen = observation.observe(
            rasterize.polygons_to_labels([outlines[index] for index in layer], grid),
            len(layer),
            probability[0],
            probability[1],
            in_flower=in_flower,
            inside=inside[layer],
        )
        for index, look in zip(layer, seen, strict=True):
            looks[index] = look
    return looks


def _key(pair: Unobserved, one: TulipField) -> tuple[AcquisitionId, str, bytes]:
    return pair.acquisition_id, pair.sha256, one.geometry.wkb


def _observation(
    acquisition_id: AcquisitionId, one: TulipField, look: FieldObservation
) -> Observation:
    return Observation(
        one.id,
        acquisition_id,
        look.verdict,
        look.clear_fraction,
        look.tulip_probability,
        look.bloom_fraction,
    )


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
