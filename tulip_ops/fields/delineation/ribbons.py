"""Drops ribbons: shapes too narrow for a parcel, such as verges, banks and tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry import Polygon

MINIMUM_WIDTH = 20.0
"""Metres: roads, verges and banks are 10 to 30 m wide, the twelve masks of real tulip parcels in
the Noordoostpolder 59 m or wider; one in twenty of 30 parcels of all crops of the Dutch register
(BRP 2023) is narrower than 22 m. In simulated scenes, where parcels can be as narrow as 20 m, this
drops up to 0.5 % of the fields that are right and 1 to 4 % of the others, 30 m would drop up to 2 %
and 5 to 13 % (`bench/fields/objects.py`)."""


class Sorted(NamedTuple):
    """Outlines by whether they can be fields, both in input order."""

    kept: list[Polygon]
    dropped: list[Polygon]


def without_ribbons(outlines: Sequence[Polygon], minimum_width: float = MINIMUM_WIDTH) -> Sorted:
    """Outlines that are at least `minimum_width` wide over half of their area, and the others.

    outlines: valid, metres. The wide part is what squares of this width that lie in the outline
    can cover (a morphological opening): so a ribbon with a wide end is still a ribbon, and a
    field with a narrow tail still a field.
    """
    shapes = np.asarray(outlines, dtype=object)
    narrowed = shapely.buffer(shapes, -minimum_width / 2, join_style="mitre")
    wide = shapely.area(shapely.buffer(narrowed, minimum_width / 2, join_style="mitre"))
    is_field = wide >= shapely.area(shapes) / 2
    return Sorted(list(shapes[is_field]), list(shapes[~is_field]))
