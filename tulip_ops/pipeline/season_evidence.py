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

from tulip_ops.core.errors import ProductDamaged, ProductMissing
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
class Readable:
    """Which looks of a season can be summed up."""

    sums: Sums
    problems: Mapping[AcquisitionId, str]
    """Looks whose products are missing or damaged, and that no sum has yet."""


def readable(store: ProductStore, season_tile: SeasonTile, looks: Sequence[Look]) -> Readable:
    """Which of the looks are in the sum already, or have a product that can be added to it."""
    have = summed(store, season_tile)
    sums: dict[AcquisitionId, str] = {}
    problems: dict[AcquisitionId, str] = {}
    for look in looks:
        name = look.acquisition_id
        try:
            sums[name] = store.checksum(name, TULIP)
            if have.get(name) != sums[name]:
                store.product(name, TULIP)
        except (ProductMissing, ProductDamaged) as error:
            sums.pop(name, None)
            if name in have:
                sums[name] = have[name]
            else:
                problems[name] = str(error)
    return Readable(sums, problems)


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


def must_sum_anew(store: ProductStore, season_tile: SeasonTile, sums: Sums) -> bool:
    """Whether the sum of these looks can only be made from the products of all of them."""
    have = summed(store, season_tile)
    return not have or not _can_be_taken_away(store, have, sums)


def update(store: ProductStore, season_tile: SeasonTile, looks: Sequence[Look], sums: Sums) -> None:
    """Make the season's products those of these looks; nothing where they are already.

    looks: which `sums` has, at least one. The products are the same in whatever order looks came
    and went. `ProductMissing` or `ProductDamaged` where a product went meanwhile.
    """
    looks_of = {str(name): sha for name, sha in sums.items()}
    recipe = store.recipe("evidence", sums=looks_of, **_FORMAT)
    if all(store.is_current(season_tile, product, recipe) for product in PRODUCTS):
        return
    have = summed(store, season_tile)
    if have and not _can_be_taken_away(store, have, sums):
        have = {}
    with ExitStack() as stack:
        terms = [
            _Term(stack.enter_context(cog.open_cog(store.product(name, TULIP))), sign)
            for sign, names in _difference(have, sums)
            for name in names
        ]
        before = (
            stack.enter_context(cog.open_cog(store.product(season_tile, EVIDENCE)))
            if have
            else None
        )
        grid = _grid(season_tile, [*(term.source for term in terms), *([before] if before else [])])
        paths = [stack.enter_context(store.writing(season_tile, product)) for product in PRODUCTS]
        noise = _write(paths[0], paths[1], grid, _strips(grid, before, terms))
        days = [look.sensed_at for look in looks]
        item = stac_items.season_item(
            season_tile, grid, days, [look.acquisition_id for look in looks]
        )
        store.start_item(season_tile, item)
        more: tuple[dict[str, Any], ...] = (
            {"tulip:looks": looks_of, "tulip:format": _FORMAT},
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
    grid: Grid, before: CogReader | None, terms: Sequence[_Term]
) -> Iterator[NDArray[np.int16]]:
    """(2, rows, width): the sum of evidence and the number of looks, from north to south."""
    for strip in grid.strips(STRIP_ROWS * grid.width):
        total = np.zeros((2, *strip.shape), dtype=np.int16)
        if before is not None:
            _add(total, strip, before, lambda stored: stored)
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
