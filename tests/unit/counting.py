"""A source whose requests, one for each band, are counted in a file: processes may be killed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.errors import NothingValid, SourceUnavailable
from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, Area
from tulip_ops.raster.grid import Grid
from tulip_ops.sources.read_cache import ReadCache

ID = AcquisitionId.parse("S2B_31UFU_20260420_0_L2A")


class CountingSource:
    name = "counting"
    bands = BANDS

    def __init__(
        self,
        log: Path,
        *,
        version: str = "1",
        fail_at: int | None = None,
        bad: type[Exception] | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.problems: list[str] = []
        self._log = log
        self._version = version
        self._fail_at = fail_at
        self._bad = bad
        self._seconds = seconds
        self.acquisition = Acquisition(
            id=ID,
            sensed_at=datetime(2026, 4, 20, 10, 50, tzinfo=UTC),
            source=self.name,
            href="https://nowhere.example/item.json",
            footprint=MultiPolygon([box(5.5, 52.2, 7.0, 53.2)]),
            bands=self.bands,
            baseline="05.11",
            provider_cloud_cover=12.5,
        )

    def search(self, areas: Sequence[Area], since: date, until: date) -> Iterator[Acquisition]:
        yield self.acquisition

    def find(self, acquisition_id: AcquisitionId) -> Acquisition | None:
        return self.acquisition if acquisition_id == ID else None

    def describe(self) -> str:
        return "counts"

    def fingerprint(self, acquisition: Acquisition) -> str:
        return self._version

    def truth(self, grid: Grid) -> NDArray[np.float32]:
        """Reflectance that depends on the place alone, with a corner outside the swath."""
        x = grid.left + 10 * np.arange(grid.width) - 600000
        y = 5900040 - (grid.top - 10 * np.arange(grid.height))
        place = (np.add.outer(y, x) / 10 % 997 / 1000).astype(np.float32)
        values = np.stack([place + 0.01 * n + 0.1 * int(self._version) for n in range(10)])
        values[:, (y[:, None] + x) % 2000 < 30] = np.nan
        return values.astype(np.float32)

    def read(
        self, acquisition: Acquisition, grid: Grid, parts: ReadCache
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        values = np.empty((len(self.bands), *grid.shape), np.float32)
        for number, band in enumerate(self.bands):
            kept = parts.get(band)
            if kept is None:
                kept = self._request(number, grid)
                parts.put(band, kept)
                self._note("kept", f"{band} {grid.top:.0f}")
            values[number] = kept
        if self._bad is NothingValid:
            values[:] = np.nan
        elif self._bad is not None:
            raise self._bad("bad")
        return values, self.bands

    def asked(self) -> Counter[str]:
        return self._noted("asked")

    def asked_in_vain(self) -> list[str]:
        """Requests that came although their answer had been kept before."""
        lines = [line.split(" ", 1) for line in self._log.read_text().splitlines()]
        kept: set[str] = set()
        found = []
        for what, key in lines:
            if what == "kept":
                kept.add(key)
            elif key in kept:
                found.append(key)
        return found

    def _request(self, number: int, grid: Grid) -> NDArray[np.float32]:
        self._note("asked", f"{self.bands[number]} {grid.top:.0f}")
        time.sleep(self._seconds)
        if self._fail_at == number:
            self._fail_at = None
            raise SourceUnavailable("cut")
        values: NDArray[np.float32] = self.truth(grid)[number]
        return values

    def _note(self, what: str, key: str) -> None:
        with self._log.open("a") as log:
            log.write(f"{what} {key}\n")

    def _noted(self, what: str) -> Counter[str]:
        lines = self._log.read_text().splitlines()
        return Counter(line.removeprefix(f"{what} ") for line in lines if line.startswith(what))
