"""Flowering dates of a season's tulip fields, without rendering a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from tulip_ops.simulate.crops import Crop, Planting
from tulip_ops.simulate.growth import in_flower
from tulip_ops.simulate.random_fields import Reals
from tulip_ops.simulate.seasons import warmth


@dataclass(frozen=True, slots=True)
class FieldBloom:
    """The flowering of one field in one season: onset <= peak <= end."""

    onset: date
    """First day with any of its flowers open."""
    peak: date
    """First day with the largest share of the field in flower."""
    end: date
    """Last day with any flower; the heads are cut the day after."""


def bloom_dates(
    planting: Planting, parcel: NDArray[np.int32], size: Reals, season: int
) -> Mapping[int, FieldBloom]:
    """Flowering by parcel, of the tulip parcels that flower at all in `season`.

    parcel (units,); size (units,), area of each strip, any unit: strips of size 0 do not count.
    """
    days = [date(season, 2, 1) + timedelta(days=count) for count in range(181)]
    units = np.flatnonzero((planting.crop[parcel] == Crop.TULIP) & np.isfinite(planting.opens))
    open_by_day = np.stack([in_flower(planting, warmth(day))[units] for day in days])
    open_by_day *= np.asarray(size, dtype=np.float32)[units]
    blooms = {}
    for field in np.unique(parcel[units]).tolist():
        share = open_by_day[:, parcel[units] == field].sum(axis=1)
        flowering = np.flatnonzero(share > 0)
        if flowering.size:
            first, last = int(flowering[0]), int(flowering[-1])
            blooms[field] = FieldBloom(days[first], days[int(share.argmax())], days[last])
    return blooms
