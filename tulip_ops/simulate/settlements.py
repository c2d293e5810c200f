"""Paints farmsteads, villages and lakes over a layout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tulip_ops.simulate.land import SPOT, Layout, Road
from tulip_ops.simulate.spectra import Cover

_ROOFS = (Cover.ROOF_TILE, Cover.ROOF_DARK, Cover.ROOF_METAL, Cover.ROOF_WHITE)
_ROOF_SHARES = (0.44, 0.34, 0.18, 0.04)


def settle(rng: np.random.Generator, layout: Layout) -> None:
    """Paint farmsteads along the roads, and rarely a village or a lake, into the cover."""
    high, wide = (size * SPOT for size in layout.cover.shape)
    for road in layout.roads:
        direction = np.array([-np.sin(road.angle), np.cos(road.angle)])
        foot = np.array([np.cos(road.angle), np.sin(road.angle)]) * road.u
        reach = float(np.hypot(high, wide))
        for along in np.cumsum(rng.exponential(540, int(2 * reach / 300))) - reach:
            for side in rng.permutation([-1, 1])[: rng.integers(1, 3)]:
                # Farmsteads stand alone or in twos, a yard's width apart.
                for number in range(1 + int(rng.random() < 0.3)):
                    place = foot + direction * (along + 115 * number)
                    _farm(rng, layout, road, place, int(side))
    if rng.random() < min(0.9, 0.03 * high * wide / 1e6):
        centre = rng.uniform(0, 1, 2) * (wide, high)
        _village(rng, layout, centre, rng.uniform(120, 380), rng.uniform(0, np.pi))
    if rng.random() < min(0.5, 0.02 * high * wide / 1e6):
        _lake(rng, layout, rng.uniform(0, 1, 2) * (wide, high), rng.uniform(60, 700))


def _window(
    layout: Layout, centre: NDArray[np.float64], reach: float, angle: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]] | None:
    """The cover around `centre` as a view, and its spots' coordinates in metres on rotated axes."""
    rows, columns = layout.cover.shape
    left, right = (min(max(round((centre[0] + s * reach) / SPOT), 0), columns) for s in (-1, 1))
    top, bottom = (min(max(round((centre[1] + s * reach) / SPOT), 0), rows) for s in (-1, 1))
    if left == right or top == bottom:
        return None
    dx = ((np.arange(left, right) + 0.5) * SPOT - centre[0])[None, :]
    dy = ((np.arange(top, bottom) + 0.5) * SPOT - centre[1])[:, None]
    a = dx * np.cos(angle) + dy * np.sin(angle)
    b = dy * np.cos(angle) - dx * np.sin(angle)
    return layout.cover[top:bottom, left:right], a, b


def _section_at(layout: Layout, place: NDArray[np.float64]) -> int | None:
    """The section at a place (x, y) in metres, None outside the land."""
    column, row = (place // SPOT).astype(int).tolist()
    high, wide = layout.section.shape
    return int(layout.section[row, column]) if 0 <= row < high and 0 <= column < wide else None


def _farm(
    rng: np.random.Generator, layout: Layout, road: Road, at: NDArray[np.float64], side: int
) -> None:
    half_a, half_b = rng.uniform(34, 64), rng.uniform(32, 56)
    normal = np.array([np.cos(road.angle), np.sin(road.angle)])
    centre = at + normal * side * (road.half_width + half_a)
    if _section_at(layout, centre) != road.section:
        return
    window = _window(layout, centre, 80, road.angle)
    if window is None:
        return
    cover, a, b = window
    # The belt of trees has gaps, and its width varies.
    ragged = 3.5 * np.sin(0.13 * (a + b) + rng.uniform(0, 6)) * np.sin(0.09 * (a - b))
    belt = rng.uniform(7, 16) + ragged
    inner = np.minimum(half_a - np.abs(a), half_b - np.abs(b))
    yard = inner > 0
    inside = inner > belt
    cover[yard] = Cover.WOOD if rng.random() < 0.7 else Cover.TREES
    cover[inside] = Cover.VERGE
    front = b * rng.choice([-1, 1])
    orchard = inside & (front < rng.uniform(-half_b, -8)) & (np.floor(a / 6) % 2 == 0)
    cover[orchard] = Cover.TREES
    paved = inside & (front > rng.uniform(-15, 10))
    cover[paved] = rng.choice([Cover.CONCRETE, Cover.ASPHALT, Cover.VERGE], p=[0.45, 0.4, 0.15])
    reach = np.array([half_a, half_b]) - 12
    for _ in range(rng.integers(3, 8)):
        tree = rng.uniform(-1, 1, 2) * reach
        crown = np.hypot(a - tree[0], b - tree[1]) < rng.uniform(3, 8)
        cover[crown & yard] = Cover.TREES
    for _ in range(rng.integers(2, 7)):
        size = rng.uniform(4, 11), rng.uniform(7, 26)
        size = size if rng.random() < 0.5 else size[::-1]
        shift = rng.uniform(-0.8, 0.8, 2) * reach
        building = (np.abs(a - shift[0]) < size[0]) & (np.abs(b - shift[1]) < size[1]) & yard
        cover[building] = rng.choice(_ROOFS, p=_ROOF_SHARES)


def _village(
    rng: np.random.Generator,
    layout: Layout,
    centre: NDArray[np.float64],
    radius: float,
    angle: float,
) -> None:
    window = _window(layout, centre, radius, angle)
    if window is None:
        return
    cover, a, b = window
    row = np.floor((b + 1000) / 14).astype(np.int64)
    column = np.floor((a + 1000) / rng.choice([9.0, 12.0, 24.0])).astype(np.int64)
    kinds = rng.choice(
        [Cover.VERGE, Cover.TREES, Cover.ASPHALT, *_ROOFS],
        (int(row.max()) + 1, int(column.max()) + 1),
        p=[0.33, 0.29, 0.08, 0.13, 0.12, 0.04, 0.01],
    )
    # Most houses of a street have the same roof.
    street = rng.choice(_ROOFS[:3], len(kinds), p=[0.5, 0.42, 0.08])
    alike = np.isin(kinds, _ROOFS) & (rng.random(kinds.shape) < 0.75)
    houses = np.where(alike, street[:, None], kinds)[row, column]
    houses = np.where(row % 4 == 0, np.uint8(Cover.ASPHALT), houses)
    inside = np.hypot(a, b) < radius * _ragged(rng, np.arctan2(b, a))
    cover[inside] = houses[inside]


def _lake(
    rng: np.random.Generator, layout: Layout, centre: NDArray[np.float64], radius: float
) -> None:
    window = _window(layout, centre, radius, 0.0)
    if window is None:
        return
    cover, a, b = window
    distance = np.hypot(a, b) - radius * _ragged(rng, np.arctan2(b, a))
    cover[distance < 0] = Cover.TREES
    cover[distance < -12] = Cover.WATER


def _ragged(rng: np.random.Generator, bearing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius by bearing of a round outline with three or four bays, 0.6 to 1."""
    bays = np.sin(rng.integers(3, 5) * bearing + rng.uniform(0, 6))
    return np.asarray(0.8 + 0.13 * bays + 0.07 * np.sin(7 * bearing + rng.uniform(0, 6)))
