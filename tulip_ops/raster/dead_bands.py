"""Finds bands that hold no picture: one value everywhere, where others vary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tulip_ops.core.errors import DeadBand

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_VARIATION = 0.02
"""Reflectance between the lowest and highest pixel from which a band varies."""


class BandRange:
    """Lowest and highest reflectance of each band, over parts of a raster."""

    def __init__(self, bands: Sequence[str]) -> None:
        self._bands = tuple(bands)
        self._lowest = np.full(len(self._bands), np.inf)
        self._highest = np.full(len(self._bands), -np.inf)

    def add(self, values: NDArray[np.float32]) -> None:
        """values: (bands, height, width), NaN where nothing was measured."""
        flat = values.reshape(len(values), -1)
        self._lowest = np.fmin(self._lowest, np.fmin.reduce(flat, axis=1))
        self._highest = np.fmax(self._highest, np.fmax.reduce(flat, axis=1))

    def require_alive(self, name: str) -> None:
        """Raise `DeadBand` if a band has one value everywhere and another one varies.

        name: of what holds the bands, for the message. Under a closed sky all bands of an 8-bit
        image can be saturated: so others must vary by at least MIN_VARIATION.
        """
        spread = self._highest - self._lowest
        dead = spread == 0
        if dead.any() and spread.max() >= MIN_VARIATION:
            names = ", ".join(np.array(self._bands)[dead])
            value = self._lowest[dead][0]
            raise DeadBand(
                f"{name} has the reflectance {value:.4g} everywhere in {names}, while other bands"
                " vary: the band is missing or was written wrong; look at the scene's file"
            )
