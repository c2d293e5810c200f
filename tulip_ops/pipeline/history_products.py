"""What the history reads of products: the fields of a season, and what looks say of fields.

Products are read outside the history's transaction, so that nobody who records waits for it: what
is not read yet raises `Unread`, the transaction is taken back, and after `Unread.read` it is tried
again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import ProductDamaged, ProductMissing
from tulip_ops.core.processing_settings import ExecutionSettings, FieldSettings
from tulip_ops.core.types import AcquisitionId, Observation, SeasonDetection, SeasonTile, Verdict
from tulip_ops.core.types import Field as TulipField
from tulip_ops.fields import evidence
from tulip_ops.fields.delineation import detect
from tulip_ops.fields.phenology import observation
from tulip_ops.fields.phenology.observation import FieldObservation
from tulip_ops.pipeline import season_evidence
from tulip_ops.postgis.observations import Unobserved
from tulip_ops.postgis.season_detections import Look
from tulip_ops.raster import cog, rasterize
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import SEASON_PROBABILITY, TULIP

log = logging.getLogger(__name__)

_NOT_SEEN = FieldObservation(Verdict.NOT_SEEN, 0.0, None, None)


class Unread(Exception):
    """Rolls a transaction back: products must be read before the next try."""

    def __init__(self, read: Callable[[], None]) -> None:
        super().__init__("products have yet to be read")
        self.read = read


@dataclass(frozen=True, slots=True)
class Drawn:
    """The fields that a season shows at one tile."""

    detections: Sequence[SeasonDetection] | None
    """None where they must stay as they are: what they rest on cannot be read any longer."""
    is_complete: bool
    """Whether all looks that count are in them; else the next history tries again."""


class HistoryProducts(Protocol):
    """What a history asks of products."""

    @property
    def problems(self) -> dict[AcquisitionId, str]:
        """Acquisitions whose products are missing or damaged, and why."""
        ...

    def season_detections(
        self, season_tile: SeasonTile, looks: Sequence[Look], *, is_drawn: bool
    ) -> Drawn:
        """The fields that the looks of a season at a tile show together; `Unread`.

        is_drawn: whether the database holds fields of it already.
        """
        ...

    def observations(self, unobserved: Sequence[Unobserved]) -> list[Observation]:
        """What the acquisitions say of the fields; `Unread`."""
        ...


DrawnKey: TypeAlias = tuple[SeasonTile, tuple[Look, ...]]


@dataclass(slots=True)
class StoredProducts:
    """`HistoryProducts` of a store; what was read is kept across transactions."""

    store: ProductStore
    fields: FieldSettings
    execution: ExecutionSettings
    problems: dict[AcquisitionId, str] = field(default_factory=dict)
    _drawn: dict[DrawnKey, Drawn] = field(default_factory=dict)
    _seen: dict[tuple[AcquisitionId, str, bytes], FieldObservation] = field(default_factory=dict)
    """By acquisition, what was recorded of it, and outline of the field."""

    def season_detections(
        self, season_tile: SeasonTile, looks: Sequence[Look], *, is_drawn: bool
    ) -> Drawn:
        """As `HistoryProducts` says."""
        key = season_tile, tuple(looks)
        if key not in self._drawn:
            raise Unread(partial(self._draw, key, is_drawn=is_drawn))
        return self._drawn[key]

    def observations(self, unobserved: Sequence[Unobserved]) -> list[Observation]:
        """As `HistoryProducts` says."""
        said, wanted = [], []
        for pair in unobserved:
            if pair.skipped:
                looks = [(one, _NOT_SEEN) for one in pair.fields]
            elif pair.acquisition_id in self.problems:
                continue
            else:
                looks = [
                    (one, self._seen[_key(pair, one)])
                    for one in pair.fields
                    if _key(pair, one) in self._seen
                ]
                unread = tuple(one for one in pair.fields if _key(pair, one) not in self._seen)
                if unread:
                    wanted.append(
                        Unobserved(pair.acquisition_id, pair.skipped, pair.sha256, unread)
                    )
            said += [_observation(pair.acquisition_id, one, look) for one, look in looks]
        if wanted:
            raise Unread(partial(self._observe, wanted))
        return said

    def _draw(self, key: DrawnKey, *, is_drawn: bool) -> None:
        season_tile, looks = key
        plan = season_evidence.plan(self.store, season_tile, looks)
        self._note(plan.problems)
        if is_drawn and plan.anew and plan.problems:
            self._drawn[key] = Drawn(None, is_complete=False)
            return
        if plan.sums:
            season_evidence.update(self.store, season_tile, looks, plan)
        self._drawn[key] = Drawn(
            self.draw(season_tile) if plan.sums else [], is_complete=not plan.problems
        )

    def draw(self, season_tile: SeasonTile) -> list[SeasonDetection]:
        """The fields that the season's products show, north to south."""
        noise = float(self.store.asset(season_tile, SEASON_PROBABILITY)["tulip:noise"])
        with cog.open_cog(self.store.product(season_tile, SEASON_PROBABILITY)) as source:

            def read(rows: slice) -> NDArray[Any]:
                tulip, mean = source.read_rows(rows.start, rows.stop)
                no_flowers = np.zeros_like(tulip)  # a season says nothing of them
                return np.stack([tulip, no_flowers, mean])

            found = detect.detect_rows(
                read,
                source.grid,
                None,
                threshold=evidence.FIELD_PROBABILITY,
                in_flower=math.inf,
                noise=noise,
                minimum_area=self.fields.minimum_area_m2,
                outlines=self.fields.outlines,
                threads=detect.threads_that_fit(
                    source.grid.width, self.execution.memory_gb, self.execution.threads
                ),
            )
        return [
            SeasonDetection(
                one.geometry,
                one.area_m2,
                round(one.tulip_probability, 4),
                (one.border_clear_fraction or 0.0) < 1,
            )
            for one in found
        ]

    def _observe(self, wanted: Sequence[Unobserved]) -> None:
        for pair in wanted:
            try:
                looks = _observe_product(pair, self.store)
            except (ProductMissing, ProductDamaged) as error:
                self._note({pair.acquisition_id: str(error)})
                continue
            for one, look in zip(pair.fields, looks, strict=True):
                self._seen[_key(pair, one)] = look

    def _note(self, problems: Mapping[AcquisitionId, str]) -> None:
        for name, why in problems.items():
            log.error("%s cannot be read: %s", name, why)
        self.problems |= problems


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
