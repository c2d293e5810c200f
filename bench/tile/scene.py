"""A whole tile of simulated texture: patches of simulated scenes, laid beside each other.

Every patch of 512 pixels is one of a few simulated ones, turned, mirrored, a little brighter or
darker, with noise of its own; half of them, in groups, lie under cloud. So the texture is that of
the simulator, and no two patches are the same; fields end where patches do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, Area
from tulip_ops.raster import cog
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import REFLECTANCE

IDENTITY = AcquisitionId.parse("S2A_31UFU_20250425_0_L2A")
PATCH = 512
_KINDS = 4
"""Patches simulated under a clear sky, and as many below cloud."""
_SEED = 7


def everywhere(grid: Grid) -> list[Area]:
    """One area of interest over all of it."""
    return [Area("everywhere", MultiPolygon([project(box(*grid.bounds), grid.epsg, WGS84)]))]


def make_reflectance(path: Path, side: int) -> None:
    """Write `side` x `side` pixels of ten bands as `acquire` would."""
    whole = tile_grid(IDENTITY.tile)
    grid = Grid(whole.epsg, whole.left, whole.top, side, side)
    clear, cloudy = (
        [_patch(seed, overcast=overcast) for seed in range(_KINDS)] for overcast in (False, True)
    )
    random = np.random.default_rng(_SEED)
    hidden = _half(random, -(-side // PATCH))

    def strips() -> Iterator[NDArray[np.float32]]:
        for row in range(hidden.shape[0]):
            across = [_varied(random, cloudy if below else clear) for below in hidden[row]]
            strip = np.concatenate(across, axis=2)
            yield strip[:, : min(PATCH, side - row * PATCH), :side]

    cog.write_reflectance_strips(path, strips(), grid, BANDS)


def half_hidden(side: int, part: int) -> tuple[int, int]:
    """Row and column at which a square of `part` pixels is, as the whole is, half under cloud.

    Of places at which patches begin, the first of the best ones.
    """
    hidden = _half(np.random.default_rng(_SEED), -(-side // PATCH)).repeat(PATCH, 0)
    hidden = hidden.repeat(PATCH, 1)[:side, :side]
    places = [
        (row, column)
        for row in range(0, side - part + 1, PATCH)
        for column in range(0, side - part + 1, PATCH)
    ]
    return min(
        places, key=lambda at: abs(hidden[at[0] : at[0] + part, at[1] : at[1] + part].mean() - 0.5)
    )


def _patch(seed: int, *, overcast: bool) -> NDArray[np.float32]:
    from tulip_ops import simulate  # others only read what this module made before
    from tulip_ops.simulate import Sky, Weather

    random = np.random.default_rng([seed, 77])
    season = 2025
    polder = simulate.make_polder(seed + 900, PATCH, PATCH, [season])
    peaks = sorted(bloom.peak for bloom in polder.blooms[season].values())
    sky = Sky.draw(random, Weather.OVERCAST if overcast else Weather.CLEAR)
    return simulate.make_scene(polder, peaks[len(peaks) // 2], sky=sky, seed=seed).reflectance


def _half(random: np.random.Generator, count: int) -> NDArray[np.bool_]:
    """(count, count), True in half of them, in groups."""
    field = random.normal(size=(count + 2, count + 2))
    smooth = sum(field[y : y + count, x : x + count] for y in range(3) for x in range(3))
    return np.asarray(smooth > np.median(smooth))


def _varied(random: np.random.Generator, patches: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    patch = np.rot90(patches[random.integers(len(patches))], random.integers(4), axes=(1, 2))
    if random.random() < 0.5:
        patch = patch[:, ::-1]
    gain = np.float32(random.uniform(0.95, 1.05))
    noise = random.standard_normal(patch.shape[1:], dtype=np.float32) * np.float32(0.002)
    return patch * gain + noise


def acquisition(grid: Grid, bands: tuple[str, ...]) -> Acquisition:
    """The acquisition that the raster is of."""
    footprint = MultiPolygon([project(box(*grid.bounds), grid.epsg, WGS84)])
    taken = datetime(2025, 4, 25, 10, 40, tzinfo=UTC)
    return Acquisition(IDENTITY, taken, "bench", "bench", footprint, bands)


def publish(store: ProductStore, path: Path) -> None:
    """Put the raster at `path` into the store as an acquisition's product."""
    with cog.open_cog(path) as source:
        grid, bands = source.grid, source.bands
    store.start_item(IDENTITY, stac_items.product_item(acquisition(grid, bands), grid, bands))
    with store.writing(IDENTITY, REFLECTANCE) as draft:
        draft.hardlink_to(path)
        store.publish(
            IDENTITY,
            REFLECTANCE,
            draft,
            recipe="bench",
            fields=stac_items.product_fields(REFLECTANCE, bands),
        )
