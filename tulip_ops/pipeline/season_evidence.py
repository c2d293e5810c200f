"""The evidence of one tile in a season, summed over its looks into products.

A look that comes is added to the sum, one that goes is taken away, and both read the pixels of
that look alone. Everything is summed anew only where a look that goes has no product any longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BadSetting, ProductDamaged, ProductMissing
from tulip_ops.core.types import AcquisitionId, SeasonTile
from tulip_ops.fields import evidence
from tulip_ops.fields.delineation.noise import Noise
from tulip_ops.postgis.season_detections import Look
from tulip_ops.raster import cog, mgrs
from tulip_ops.raster.cog import CogReader
from tulip_ops.raster.grid import STRIP_ROWS, Grid
from tulip_ops.raster.probability import ProbabilityRaster
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import EVIDENCE, SEASON_PROBABILITY, TULIP

Sums = Mapping[AcquisitionId, str]
"""The looks of a sum, each with the checksum of its tulip.tif."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the sum of a season is brought up to date."""

    sums: Sums
    """The looks that it will have."""
    problems: Mapping[AcquisitionId, str]
    """Looks that it will not have, as their products are missing or damaged."""
    anew: bool
    """Whether it is summed up from all its looks, and not from the sum that the store has."""


def plan(store: ProductStore, season_tile: SeasonTile, looks: Sequence[Look]) -> Plan:
    """What to sum up, so that these looks count and no others.

    `BadSetting` for more looks than a sum has room for.
    """
    if len(looks) > evidence.MOST_LOOKS:
        raise BadSetting(
            f"{len(looks)} acquisitions of {season_tile} lie inside TULIP_BLOOM_WINDOW, and the"
            f" evidence of a season holds {evidence.MOST_LOOKS} at most; narrow the window"
        )
    have = summed(store, season_tile)
    sums, problems = _available(store, looks, have)
    anew = not have or not _can_be_taken_away(store, have, sums)
    if anew:
        sums, problems = _available(store, looks, {})
    return Plan(sums, problems, anew)


def summed(store: ProductStore, season_tile: SeasonTile) -> Sums:
    """The looks in the sum that the store has; none where it has no whole one of this format."""
    try:
        asset = store.asset(season_tile, EVIDENCE)
        store.product(season_tile, EVIDENCE)
    except (ProductMissing, ProductDamaged):
        return {}
    if asset["tulip:format"] != _FORMAT:
        return {}
    return {AcquisitionId.parse(name): sha for name, sha in asset["tulip:looks"].items()}


def update(store: ProductStore, season_tile: SeasonTile, looks: Sequence[Look], plan: Plan) -> None:
    """Make the season's products those of the plan; nothing where they are already.

    looks: with at least one that the plan has. The products are the same in whatever order looks
    came and went. `ProductMissing` or `ProductDamaged` where a product went since the plan was
    made.
    """
    recipe = store.recipe("evidence", sums=_by_name(plan.sums), **_FORMAT)
    if all(store.is_current(season_tile, product, recipe) for product in PRODUCTS):
        return
    have = {} if plan.anew else summed(store, season_tile)
    with ExitStack() as stack:
        terms = [
            _Term(stack.enter_context(cog.open_cog(store.product(name, TULIP))), sign)
            for sign, names in _difference(have, plan.sums)
            for name in names
        ]
        before = [
            stack.enter_context(cog.open_cog(store.product(season_tile, EVIDENCE)))
            for _ in range(bool(have))
        ]
        grid = _grid(season_tile, [*(term.source for term in terms), *before])
        paths = [stack.enter_context(store.writing(season_tile, product)) for product in PRODUCTS]
        noise = _write(paths[0], paths[1], grid, _strips(grid, before, terms))
        counting = [look for look in looks if look.acquisition_id in plan.sums]
        item = stac_items.season_item(
            season_tile, grid, {look.acquisition_id: look.sensed_at for look in counting}
        )
        store.start_item(season_tile, item)
        more: tuple[dict[str, Any], ...] = (
            {"tulip:looks": _by_name(plan.sums), "tulip:format": _FORMAT},
            {"tulip:threshold": evidence.FIELD_PROBABILITY, "tulip:noise": noise},
        )
        for product, path, fields in zip(PRODUCTS, paths, more, strict=True):
            described = {**stac_items.product_fields(product), **fields}
            store.publish(season_tile, product, path, recipe=recipe, fields=described)


PRODUCTS = (EVIDENCE, SEASON_PROBABILITY)
_FORMAT = {
    "format": EVIDENCE.format,
    "prior": evidence.PRIOR,
    "dependence": evidence.DEPENDENCE,
    "steps": evidence.WEIGHT_STEPS,
}
"""What determines the products beside the looks."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A look that comes, or one that goes."""

    source: CogReader
    sign: Literal[1, -1]

    def value(self, stored: NDArray[Any]) -> NDArray[np.int16]:
        """What it changes in the sum and in the number of looks."""
        tulip = stored[0]
        seen = evidence.is_seen(tulip).astype(np.int16)
        return np.stack([evidence.weights(tulip), seen]) * np.int16(self.sign)


def _by_name(sums: Sums) -> dict[str, str]:
    return {str(name): sha for name, sha in sums.items()}


def _available(
    store: ProductStore, looks: Sequence[Look], have: Sums
) -> tuple[Sums, dict[AcquisitionId, str]]:
    """The looks that are in the sum, or have a product to add to it; and the others, with why."""
    sums: dict[AcquisitionId, str] = {}
    problems: dict[AcquisitionId, str] = {}
    for look in looks:
        name = look.acquisition_id
        try:
            sha = store.checksum(name, TULIP)
            if have.get(name) != sha:
                store.product(name, TULIP)
            sums[name] = sha
        except (ProductMissing, ProductDamaged) as error:
            if name in have:
                sums[name] = have[name]
            else:
                problems[name] = str(error)
    return sums, problems


def _difference(have: Sums, sums: Sums) -> list[tuple[Literal[1, -1], list[AcquisitionId]]]:
    """The looks that come, and those that go."""
    come, gone = sums.keys() - have.keys(), have.keys() - sums.keys()
    return [(1, sorted(come, key=str)), (-1, sorted(gone, key=str))]


def _can_be_taken_away(store: ProductStore, have: Sums, sums: Sums) -> bool:
    """Whether what is in the sum and does not belong there has its product still."""
    if any(sums.get(name, sha) != sha for name, sha in have.items()):
        return False  # made anew meanwhile, and the old product is gone
    for name in have.keys() - sums.keys():
        try:
            if store.checksum(name, TULIP) != have[name]:
                return False
            store.product(name, TULIP)
        except (ProductMissing, ProductDamaged):
            return False
    return True


def _grid(season_tile: SeasonTile, sources: Sequence[CogReader]) -> Grid:
    """The part of the tile's grid that holds all the rasters.

    `ProductDamaged` if the pixels of one are not pixels of the tile.
    """
    tile = mgrs.tile_grid(season_tile.tile)
    for source in sources:
        left, top = source.grid.left - tile.left, tile.top - source.grid.top
        same = (source.grid.epsg, source.grid.resolution) == (tile.epsg, tile.resolution)
        if not same or left % tile.resolution or top % tile.resolution:
            raise ProductDamaged(
                f"a raster of {season_tile} lies on another grid than its tile ({source.grid});"
                " repeat its steps with --force"
            )
    bounds = np.array([source.grid.bounds for source in sources])
    left, bottom = bounds[:, :2].min(axis=0).tolist()
    right, top = bounds[:, 2:].max(axis=0).tolist()
    return tile.window((left, bottom, right, top))


def _strips(
    grid: Grid, before: Sequence[CogReader], terms: Sequence[_Term]
) -> Iterator[NDArray[np.int16]]:
    """(2, rows, width): the sum of evidence and the number of looks, from north to south.

    before: the sum until now, if any.
    """
    for strip in grid.strips(STRIP_ROWS * grid.width):
        total = np.zeros((2, *strip.shape), dtype=np.int16)
        for source in before:
            _add(total, strip, source, np.asarray)
        for term in terms:
            _add(total, strip, term.source, term.value)
        yield total


def _add(
    total: NDArray[np.int16],
    strip: Grid,
    source: CogReader,
    value: Callable[[NDArray[Any]], NDArray[np.int16]],
) -> None:
    """Add to a strip what a raster, which lies within its columns, holds of its ground."""
    above = round((source.grid.top - strip.top) / strip.resolution)
    left = round((source.grid.left - strip.left) / strip.resolution)
    first, last = max(0, above), min(source.grid.height, above + strip.height)
    if first < last:
        rows, columns = slice(first - above, last - above), slice(left, left + source.grid.width)
        total[:, rows, columns] += value(source.read_rows(first, last))


def _write(
    evidence_path: Path, probability_path: Path, grid: Grid, strips: Iterator[NDArray[np.int16]]
) -> float:
    """Write both rasters; returns the deviation of the `Noise` of the looks' mean."""
    noise, above = Noise(evidence.FIELD_PROBABILITY), np.empty((0, grid.width), dtype=np.uint8)
    with (
        cog.counts_writer(evidence_path, grid, EVIDENCE.bands) as sums,
        cog.probability_writer(probability_path, grid, SEASON_PROBABILITY.bands) as probabilities,
    ):
        row = 0
        for total in strips:
            mean = evidence.mean_probability(*total)
            sums.write_encoded(total, row, 0)
            probability = np.stack([evidence.season_probability(*total), mean])
            probabilities.write_encoded(probability, row, 0)
            part = np.concatenate([above, mean])
            noise.add(ProbabilityRaster(part))
            row, above = row + len(mean), part[-2:]
    return noise.deviation
