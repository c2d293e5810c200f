"""Drops ribbons: shapes too narrow for a parcel, such as verges, banks and tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry import Polygon

MINIMUM_WIDTH = 20.0
"""Metres: tulip parcels are mostly 40 m wide or more, roads, verges and banks 10 to 30 m. Of the
fields that are right in twelve simulated scenes (`bench/fields/objects.py`) this drops 0.3 to
0.5 %, of the others 1 to 4 %; 30 m drops 1.2 to 2 % and 5 to 13 %. Of 30 parcels of the Dutch
register (BRP 2023) one in twenty is narrower than 22 m."""


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
