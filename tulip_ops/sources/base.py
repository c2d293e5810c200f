"""What a source of acquisitions is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

from tulip_ops.core.types import Acquisition, AcquisitionId, Area
from tulip_ops.raster.grid import Grid
from tulip_ops.sources.read_cache import ReadCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Source(Protocol):
    """Offers acquisitions and their reflectance. A bad item does not affect others."""

    name: str
    """As TULIP_SOURCES calls it."""

    @property
    def problems(self) -> list[str]:
        """Unusable items of the latest query, each with its reason."""
        ...

    def search(self, areas: Sequence[Area], since: date, until: date) -> Iterator[Acquisition]:
        """Acquisitions sensed from `since` to `until`, inclusive, over any of the areas.

        Sorted by id; each once. `SourceUnavailable` if the source does not answer.
        """
        ...

    def find(self, acquisition_id: AcquisitionId) -> Acquisition | None:
        """The acquisition of that id; None if the source does not offer it."""
        ...

    def read(
        self, acquisition: Acquisition, grid: Grid, parts: ReadCache
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Reflectance on `grid` and the names of its bands, in the order of BANDS.

        (len(bands), *grid.shape) float32, 1.0 = 100 %, NaN where nothing was measured. `grid` is
        a part of the tile's 10 m grid, of at most some 12 million pixels. Larger areas are read
        in strips, one call for each: decisions that depend on pixels must be the same for all
        strips of an acquisition. All NaN is right outside the swath.
        parts: results of an earlier read of the same scene and grid; these are not requested
        again, and new results are stored there at once.
        Any `BadData` for pixels that cannot be trusted; `SourceUnavailable`.
        """
        ...

    def fingerprint(self, acquisition: Acquisition) -> str:
        """Cache key of `read`: changes with the scene or its description."""
        ...

    def describe(self) -> str:
        """One line for people: where it is and what it holds."""
        ...
