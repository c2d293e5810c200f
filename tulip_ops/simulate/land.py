"""Land of a drained polder: sections, blocks, parcels and strips.

Everything is decided in metres along the axes of a section: columns of blocks, rows in
each column, strips in each block. The strip of a spot (subpixel) is found by binary
search in sorted edges, so that no polygon is ever rasterized.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tulip_ops.simulate.spectra import Cover

FINE = 3
"""Spots per pixel side: 3.3 m, fine enough for ditches and roads to mix into pixels."""
SPOT = 10.0 / FINE
_FAR = 1e6
_BED_WIDTHS = (18.0, 27.0, 40.0, 65.0)
"""Typical width of one cultivar's strip, metres."""

Bands = tuple[tuple[float, Cover], ...]
PROFILES: dict[str, Bands] = {
    "none": (),
    "ditch": ((1.2, Cover.WATER), (4.0, Cover.VERGE)),
    "margin": ((2.0, Cover.VERGE),),
    "track": ((2.2, Cover.CONCRETE), (5.0, Cover.VERGE)),
    "road": ((3.2, Cover.ASPHALT), (8.0, Cover.VERGE), (9.5, Cover.WATER), (11.0, Cover.VERGE)),
    "avenue": ((3.2, Cover.ASPHALT), (5.0, Cover.VERGE), (19.0, Cover.TREES), (22.0, Cover.VERGE)),
    "trees": ((7.0, Cover.TREES), (10.0, Cover.VERGE)),
    "canal": ((9.0, Cover.WATER), (15.0, Cover.VERGE), (19.0, Cover.TREES)),
    "waterway": ((24.0, Cover.WATER), (32.0, Cover.VERGE), (36.0, Cover.ASPHALT)),
}
"""Cover along an edge, outwards from its middle line: (distance limit in metres, cover)."""
_KINDS = tuple(PROFILES)
_REACH = 40


def _profile_table() -> NDArray[np.uint8]:
    table = np.zeros((len(_KINDS), _REACH), dtype=np.uint8)
    for row, kind in enumerate(_KINDS):
        start = 0.0
        for end, cover in PROFILES[kind]:
            table[row, round(start) : max(round(end), round(start) + 1)] = cover
            start = end
    return table


_PROFILE = _profile_table()


@dataclass(slots=True)
class Layout:
    """Land, the same in all seasons.

    section (FINE*H, FINE*W) uint8, part of the land with its own axes; cover
    (FINE*H, FINE*W) uint8 of `Cover`; unit (FINE*H, FINE*W) int32, strip under each
    spot, also under cover; across (FINE*H, FINE*W) float32, metres across the rows;
    end (FINE*H, FINE*W) float32, metres along the rows to where they end; parcel (units,)
    int32, parcel of each strip.
    """

    section: NDArray[np.uint8]
    cover: NDArray[np.uint8]
    unit: NDArray[np.int32]
    across: NDArray[np.float32]
    end: NDArray[np.float32]
    parcel: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    width: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    """(units,) metres across each strip."""
    roads: list[Road] = field(default_factory=list)
    other: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))
    """(parcels,) cover of parcels that are not fields: wood, glass, solar panels; else 0."""


@dataclass(frozen=True, slots=True)
class Road:
    """A column edge that farms can stand along, with its direction, place and half width."""

    section: int
    angle: float
    u: float
    half_width: float


@dataclass(slots=True)
class _Builder:
    """Edges of one section while it is built."""

    rng: np.random.Generator
    u_edges: NDArray[np.float64]
    u_kind: NDArray[np.uint8]
    row_keys: list[float] = field(default_factory=list)
    row_kind: list[int] = field(default_factory=list)
    lengthwise: list[bool] = field(default_factory=list)
    unit_keys: list[float] = field(default_factory=list)
    parcel: list[int] = field(default_factory=list)
    thin: list[int] = field(default_factory=list)
    parcels: int = 0


def _kind(rng: np.random.Generator, shares: dict[str, float]) -> int:
    place = rng.random()
    for name, share in shares.items():
        place -= share
        if place < 0:
            return _KINDS.index(name)
    return 0


def _edges(
    rng: np.random.Generator, low: float, high: float, least: float, most: float
) -> NDArray[np.float64]:
    """Edges that cover low..high, between `least` and `most` apart, about evenly spaced."""
    usual = rng.uniform(least, most)
    count = int((high - low) / least) + 4
    steps = np.clip(rng.normal(usual, 0.12 * usual, count), least, most)
    edges = low - rng.uniform(0.2, 1.0) * most + np.concatenate([[0.0], np.cumsum(steps)])
    last = int(np.searchsorted(edges, high)) + 1
    return np.asarray(edges[: last + 1], dtype=np.float64)


def _strips(rng: np.random.Generator, low: float, high: float) -> NDArray[np.float64]:
    """Edges of the parcels between `low` and `high`, both included."""
    span = high - low
    widths = np.clip(rng.lognormal(4.65, 0.6, int(span / 28) + 1), 28, 330)
    inner = low + np.cumsum(widths)
    inner = inner[(inner > low + 25) & (inner < high - 25)]
    return np.concatenate([[low], inner, [high]])


def _fill_block(build: _Builder, block: int, low: float, high: float) -> None:
    rng = build.rng
    edges = _strips(rng, low, high)
    for start, end in pairwise(edges.tolist()):
        beds = max(1, int((end - start) / _BED_WIDTHS[rng.integers(len(_BED_WIDTHS))]))
        even = (np.arange(1, beds) + rng.uniform(-0.3, 0.3, beds - 1)) / beds
        cuts = start + (end - start) * even
        for number, bed in enumerate([start, *cuts]):
            build.unit_keys.append(bed + block * _FAR)
            build.parcel.append(build.parcels)
            first = number == 0 and start > low
            build.thin.append(_kind(rng, {"none": 0.7, "margin": 0.3}) if first else 0)
        build.parcels += 1


def _build_section(
    rng: np.random.Generator, u_span: tuple[float, float], v_span: tuple[float, float]
) -> _Builder:
    u_edges = _edges(rng, *u_span, 240, 560)
    shares = {"avenue": 0.2, "road": 0.17, "ditch": 0.45, "track": 0.13, "canal": 0.05}
    u_kind = np.array([_kind(rng, shares) for _ in u_edges], dtype=np.uint8)
    build = _Builder(rng, u_edges, u_kind)
    shares = {"ditch": 0.62, "track": 0.14, "road": 0.16, "trees": 0.05, "avenue": 0.03}
    block = 0
    for column in range(len(u_edges) - 1):
        lengthwise = bool(rng.random() < 0.55)
        rows = _edges(rng, *v_span, *((270, 420) if lengthwise else (420, 900)))
        for row, low in enumerate(rows):
            build.row_keys.append(low + column * _FAR)
            build.row_kind.append(_kind(rng, shares))
            build.lengthwise.append(lengthwise)
            high = rows[row + 1] if row + 1 < len(rows) else low + 400
            span = (u_edges[column], u_edges[column + 1]) if lengthwise else (low, high)
            _fill_block(build, block, float(span[0]), float(span[1]))
            block += 1
    return build


def _look_up(
    build: _Builder, u: NDArray[np.float64], v: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Cover, strip, metres across the rows and to their end, for spots at (u, v) of a section."""
    column = np.clip(np.searchsorted(build.u_edges, u) - 1, 0, len(build.u_edges) - 2)
    left = build.u_edges[column]
    right = build.u_edges[column + 1]
    row_keys = np.array([*build.row_keys, len(build.u_edges) * _FAR])
    base = column * _FAR
    block = np.searchsorted(row_keys, v + base) - 1
    low = row_keys[block] - base
    high = row_keys[block + 1] - base
    lengthwise = np.array(build.lengthwise)[block]
    across = np.where(lengthwise, u, v)
    end = np.where(lengthwise, np.minimum(v - low, high - v), np.minimum(u - left, right - u))
    unit_keys = np.array(build.unit_keys)
    key = across + block * _FAR
    unit = np.searchsorted(unit_keys, key) - 1
    cover = _PROFILE[np.array(build.thin)[unit], _bins(key - unit_keys[unit])]
    row_kind = np.array([*build.row_kind, 0], dtype=np.uint8)
    for kind, distance in (
        (row_kind[block], v - low),
        (row_kind[block + 1], high - v),
        (build.u_kind[column], u - left),
        (build.u_kind[column + 1], right - u),
    ):
        found = _PROFILE[kind, _bins(distance)]
        np.copyto(cover, found, where=found > 0)
    return cover, unit.astype(np.int32), across, end


def _bins(distance: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Whole metres, at most _REACH - 1."""
    return np.asarray(np.clip(distance, 0, _REACH - 1).astype(np.uint8))


def lay_out(rng: np.random.Generator, height: int, width: int) -> Layout:
    """A random polder of (height, width) pixels of 10 m."""
    x, y = _places(rng, height * FINE, width * FINE)
    section, lines = _sections(rng, x, y)
    base = float(rng.normal(0, 0.07) + rng.integers(2) * np.pi / 2)
    if rng.random() < 0.5:
        base = rng.uniform(0, np.pi)
    layout = Layout(
        section,
        np.zeros(section.shape, dtype=np.uint8),
        np.zeros(section.shape, dtype=np.int32),
        np.zeros(section.shape, dtype=np.float32),
        np.zeros(section.shape, dtype=np.float32),
    )
    for number in np.unique(section):
        angle = base + (rng.normal(0, 0.5) if rng.random() < 0.3 else 0.0)
        _lay_section(rng, layout, int(number), (x, y), angle)
    for distance, kind in lines:
        found = _PROFILE[kind, _bins(distance)]
        np.copyto(layout.cover, found, where=found > 0)
    kinds = (0, Cover.WOOD, Cover.GLASS, Cover.SOLAR)
    count = int(layout.parcel[-1]) + 1
    layout.other = rng.choice(kinds, count, p=[0.99, 0.007, 0.002, 0.001]).astype(np.uint8)
    return layout


def _places(
    rng: np.random.Generator, rows: int, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres right and down of every spot, (rows, columns) each.

    All but the spot in the middle of a pixel are shifted at random: a ditch narrower than a
    spot stays an uneven line and does not break into regular dashes.
    """
    row, column = np.arange(rows)[:, None], np.arange(columns)[None, :]
    middle = (row % FINE == FINE // 2) & (column % FINE == FINE // 2)
    shifts = rng.random((2, rows, columns), dtype=np.float32) - np.float32(0.5)
    shifts[:, middle] = 0
    x = (column + 0.5 + shifts[0]) * SPOT
    y = (row + 0.5 + shifts[1]) * SPOT
    return x, y


def _lay_section(
    rng: np.random.Generator,
    layout: Layout,
    section: int,
    places: tuple[NDArray[np.float64], NDArray[np.float64]],
    angle: float,
) -> None:
    """Lay the blocks, parcels and strips of a section, turned by `angle`, into `layout`."""
    here = layout.section == section
    x, y = places[0][here], places[1][here]
    u = x * np.cos(angle) + y * np.sin(angle)
    v = y * np.cos(angle) - x * np.sin(angle)
    build = _build_section(rng, (u.min(), u.max()), (v.min(), v.max()))
    layout.cover[here], strip, layout.across[here], layout.end[here] = _look_up(build, u, v)
    layout.unit[here] = strip + len(layout.parcel)
    count = int(layout.parcel[-1]) + 1 if len(layout.parcel) else 0
    parcel = np.array(build.parcel, dtype=np.int32) + count
    layout.parcel = np.concatenate([layout.parcel, parcel])
    spans = np.diff([*build.unit_keys, build.unit_keys[-1] + 30.0])
    width = np.clip(spans, 5, 100).astype(np.float32)
    layout.width = np.concatenate([layout.width, width])
    for edge, kind in zip(build.u_edges, build.u_kind, strict=True):
        if _KINDS[kind] in ("avenue", "road"):
            half_width = PROFILES[_KINDS[kind]][-1][0]
            layout.roads.append(Road(section, angle, float(edge), half_width))


def _sections(
    rng: np.random.Generator, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], list[tuple[NDArray[np.float64], int]]]:
    """Cut the land by a few straight roads or waterways.

    Returns the section of each spot and, per line, every spot's distance to it in metres and
    the kind of the line.
    """
    section = np.zeros(x.shape, dtype=np.uint8)
    lines = []
    wide, high = float(x[0, -1]), float(y[-1, 0])
    area = wide * high / 1e6
    for bit in range(min(3, rng.poisson(area / 9))):
        angle = rng.uniform(0, np.pi)
        at_x, at_y = rng.uniform(0.15, 0.85) * wide, rng.uniform(0.15, 0.85) * high
        signed = (x - at_x) * np.cos(angle) + (y - at_y) * np.sin(angle)
        section |= (signed > 0).astype(np.uint8) << bit
        kind = _kind(rng, {"avenue": 0.4, "road": 0.25, "waterway": 0.2, "canal": 0.15})
        lines.append((np.abs(signed), kind))
    return section, lines
