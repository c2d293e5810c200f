"""Borders of pixel polygons, cut at junctions: a border that two polygons share is one chain.

Moving the points of a chain moves the border of both polygons, so neither gaps nor overlaps arise
along it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from tulip_ops.fields.delineation.runs import next_on_ring, place_in_run
from tulip_ops.fields.delineation.straight_runs import Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry import Polygon


class Uses(NamedTuple):
    """Where polygons use chains, (m,), in the order in which the chains form their rings."""

    chain: NDArray[np.int64]
    is_reversed: NDArray[np.bool_]
    ring: NDArray[np.int64]
    polygon: NDArray[np.int64]
    """(rings,): polygon of each ring, ascending; its first ring is the shell."""


class Chains(NamedTuple):
    """Chains of pixel edges from junction to junction, or closed where a ring has no junction.

    Order and direction depend on the shape alone, neither on the place nor on the polygons'
    order.
    """

    corner: NDArray[np.int64]
    """(n, 2) pixel corners, chain by chain, both ends of each; a closed chain ends as it began."""
    chain: NDArray[np.int64]
    """(n,) chain of each corner, from 0 without gaps."""
    is_closed: NDArray[np.bool_]
    """(chains,)"""
    uses: Uses

    def spans(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(chains,) index of each chain's first corner, and its number of edges."""
        count = np.bincount(self.chain)
        return np.cumsum(count) - count, count - 1

    def edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(edges, 2) both corners of all pixel edges, chain by chain."""
        start = np.flatnonzero(self.chain[1:] == self.chain[:-1])
        return self.corner[start], self.corner[start + 1]

    def turns(self) -> Runs:
        """The pixel edges as runs in one direction."""
        start, end = self.edges()
        length = self.spans()[1]
        step = end - start
        turns = np.append(True, (step[1:] != step[:-1]).any(axis=1))
        own = np.cumsum(length) - length
        turns[own] = True
        first = np.flatnonzero(turns)
        chain = np.repeat(np.arange(len(length)), length)[first]
        return Runs(chain, first - own[chain])

    def corner_at(self, chain: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n, 2) corners at places in chains; a closed chain repeats."""
        base, length = self.spans()
        lap = np.where(self.is_closed[chain], length[chain], length[chain] + 1)
        return np.asarray(self.corner[base[chain] + place % lap])

    def select(self, chosen: NDArray[np.bool_]) -> Chains:
        """The chosen chains alone, renumbered, without their uses."""
        here = chosen[self.chain]
        number = np.cumsum(chosen) - 1
        return self._replace(
            corner=self.corner[here],
            chain=number[self.chain[here]],
            is_closed=self.is_closed[chosen],
        )

    def node_of_ends(self) -> NDArray[np.int64]:
        """(2 x open chains,) junction at the first end of each open chain, then at the last.

        Junctions are numbered from 0 without gaps.
        """
        base, length = self.spans()
        is_open = ~self.is_closed
        ends = np.append(base[is_open], (base + length)[is_open])
        return np.unique(_key(self.corner[ends]), return_inverse=True)[1]


def cut(outlines: Sequence[Polygon], origin: tuple[float, float], resolution: float) -> Chains:
    """The chains of polygons along pixel edges, at least one, that do not overlap.

    Corners count in pixels from `origin`, metres.
    """
    rings, polygon = shapely.get_rings(np.asarray(outlines, dtype=object), return_index=True)
    corner, ring = _unit_steps(rings, np.array(origin), resolution)
    is_start = _nodes(corner, next_on_ring(ring))
    is_lone = ~np.isin(ring, ring[is_start])
    is_start |= is_lone & _lowest_of_ring(corner, ring)
    order = _from_first_start(ring, is_start)
    return _joined(corner[order], ring[order], is_start[order], is_lone[order], polygon)


def polygons(
    points: NDArray[np.float64], chain: NDArray[np.int64], uses: Uses
) -> NDArray[np.object_]:
    """The polygons whose rings consist of chains.

    points: (n, 2) of all chains, with both ends of each. chain: (n,), ascending.
    """
    first = np.searchsorted(chain, np.arange(chain[-1] + 2))
    count = np.diff(first)[uses.chain] - 1  # the next chain begins where this one ends
    place = place_in_run(count)
    start = np.where(uses.is_reversed, first[uses.chain + 1] - 1, first[uses.chain])
    step = np.where(uses.is_reversed, -1, 1)
    index = np.repeat(start, count) + np.repeat(step, count) * place
    rings = np.asarray(
        shapely.linearrings(points[index], indices=np.repeat(uses.ring, count)), dtype=object
    )
    return np.asarray(shapely.polygons(rings, indices=uses.polygon), dtype=object)


def _joined(
    corner: NDArray[np.int64],
    ring: NDArray[np.int64],
    is_start: NDArray[np.bool_],
    is_closed: NDArray[np.bool_],
    polygon: NDArray[np.int64],
) -> Chains:
    """Pieces between starts, with those that consist of the same edges joined to one chain."""
    after = next_on_ring(ring)
    edge, first = _key(corner + corner[after]), np.flatnonzero(is_start)
    last = np.append(first[1:], len(ring)) - 1
    begins, ends = _key(corner[first]), _key(corner[after[last]])
    is_reversed = (edge[first] > edge[last]) | ((edge[first] == edge[last]) & (begins > ends))
    _, model, chain = np.unique(
        np.minimum.reduceat(edge, first), return_index=True, return_inverse=True
    )
    count = (last - first + 2)[model]
    place = place_in_run(count)
    turned = np.repeat(is_reversed[model], count)
    place = np.where(turned, np.repeat(count, count) - 1 - place, place)
    index = np.repeat(first[model], count) + place
    is_end = place == np.repeat(count, count) - 1
    index[is_end] = after[index[is_end] - 1]
    uses = Uses(chain, is_reversed, ring[first], polygon)
    return Chains(
        corner[index], np.repeat(np.arange(len(model)), count), is_closed[first][model], uses
    )


def _from_first_start(ring: NDArray[np.int64], is_start: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The order in which every ring begins at its first start."""
    first, length = np.unique(ring, return_index=True, return_counts=True)[1:]
    starts = np.flatnonzero(is_start)
    shift = starts[np.searchsorted(starts, first)] - first
    turned = (place_in_run(length) + np.repeat(shift, length)) % np.repeat(length, length)
    return np.asarray(np.repeat(first, length) + turned)


def _lowest_of_ring(corner: NDArray[np.int64], ring: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True at the first corner of each ring, west to east, then along the column."""
    key = _key(corner)
    first, length = np.unique(ring, return_index=True, return_counts=True)[1:]
    return np.asarray(key == np.repeat(np.minimum.reduceat(key, first), length))


def _unit_steps(
    rings: NDArray[np.object_], origin: NDArray[np.float64], resolution: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pixel corner along the rings, and its ring."""
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    vertex = np.rint((coordinates - origin) / resolution).astype(np.int64)
    starts = np.flatnonzero(ring[1:] == ring[:-1])  # the last vertex of a ring repeats its first
    side = vertex[starts + 1] - vertex[starts]
    length = np.abs(side).sum(axis=1)
    along = place_in_run(length)
    corner = np.repeat(vertex[starts], length, axis=0)
    corner += np.repeat(np.sign(side), length, axis=0) * along[:, np.newaxis]
    return corner, np.repeat(ring[starts], length)


def _nodes(corner: NDArray[np.int64], follower: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True at corners where more than two pixel edges meet and one of them is shared.

    Without a shared edge two outlines only touch at the corner, and may separate.
    """
    vertex = np.unique(_key(corner), return_inverse=True)[1]
    _, first, uses = np.unique(
        _key(corner + corner[follower]), return_index=True, return_counts=True
    )
    ends = np.concatenate([vertex[first], vertex[follower][first]])
    degree = np.bincount(ends)
    is_shared = np.bincount(ends, np.tile(uses > 1, 2)) > 0
    node: NDArray[np.bool_] = ((degree > 2) & is_shared)[vertex]
    return node


def _key(points: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for each pair of coordinates below 2**31, ascending in x, then in y."""
    key: NDArray[np.int64] = points[:, 0] * 2**32 + points[:, 1]
    return key
