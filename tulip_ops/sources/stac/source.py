"""STAC APIs with Sentinel-2 as one raster per band, read by windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry import box

from tulip_ops.core import concurrency
from tulip_ops.core.errors import AcquisitionNotFound, BandMissing, OffsetContradiction
from tulip_ops.core.source_settings import StacApi
from tulip_ops.core.types import BANDS, Acquisition, AcquisitionId, Area
from tulip_ops.raster import reader
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.datastrips import MergedDatastrips, merge_datastrips
from tulip_ops.sources.granule import Granule
from tulip_ops.sources.http_client import RateLimiter
from tulip_ops.sources.read_cache import ReadCache
from tulip_ops.sources.stac.assets import BandFiles
from tulip_ops.sources.stac.client import StacClient
from tulip_ops.sources.stac_bands import SceneBand

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AROUND = 0.02
"""Tolerance of footprints, which providers simplify, degrees."""


class StacSource:
    """A source: the scenes of one STAC API."""

    def __init__(self, name: str, api: StacApi, headers: Mapping[str, str] | None = None) -> None:
        """name: as TULIP_SOURCES calls it. headers: credentials, sent to the API's host alone."""
        self.name = name
        self._api = api
        throttle = RateLimiter(api.requests_per_second)
        self._client = StacClient(name, api, headers or {}, throttle)
        self._files = BandFiles(name, api, headers or {}, throttle)
        self._known: dict[AcquisitionId, MergedDatastrips] = {}
        self._offsets: dict[str, float] = {}

    @property
    def problems(self) -> list[str]:
        """As `Source` says."""
        return self._client.problems

    def search(self, areas: Sequence[Area], since: date, until: date) -> Iterator[Acquisition]:
        """As `Source` says."""
        wanted = shapely.union_all([area.geometry for area in areas])
        around = shapely.union_all([area.geometry.envelope for area in areas])
        for overpass in self._grouped(self._client.granules(around, since, until)):
            acquisition = overpass.acquisition(self.name)
            if acquisition.footprint.intersects(wanted):
                yield acquisition

    def find(self, acquisition_id: AcquisitionId) -> Acquisition | None:
        """As `Source` says."""
        overpass = self._found(acquisition_id)
        return None if overpass is None else overpass.acquisition(self.name)

    def fingerprint(self, acquisition: Acquisition) -> str:
        """As `Source` says: of its current items, which the next `read` uses."""
        overpass = self._found(acquisition.id)
        if overpass is None:
            raise AcquisitionNotFound(
                f"{self.name} does not offer {acquisition.id} any more; run `tulip discover`, or"
                " name another source in TULIP_SOURCES"
            )
        self._known[acquisition.id] = overpass
        return sha256(f"stac-api 1 {overpass.digest()}".encode()).hexdigest()

    def read(
        self, acquisition: Acquisition, grid: Grid, parts: ReadCache
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """As `Source` says; the first datastrip with data provides a pixel."""
        if acquisition.id not in self._known:
            self.fingerprint(acquisition)
        overpass = self._known[acquisition.id]
        names = self._complete(overpass)
        self._files.forget(but=overpass.hrefs)
        reflectance = np.full((len(names), *grid.shape), np.nan, dtype=np.float32)
        ground = project(box(*grid.bounds), grid.epsg, WGS84).buffer(_AROUND)
        for granule in overpass.granules:
            missing = np.isnan(reflectance)
            if missing.any() and granule.scene.footprint.intersects(ground):
                piece = self._read_granule(granule, names, grid, parts)
                np.copyto(reflectance, piece, where=missing)
        return reflectance, names

    def describe(self) -> str:
        """As `Source` says: queries the API, and reads the first bytes of a band of one scene.

        `BadSetting` for a missing collection, `CredentialRefused`, `CredentialMissing`.
        """
        names = ", ".join(self._api.collections)
        newest = self._client.example()
        if newest is None:
            return f"{self.name} {self._api.url}: {names}, without scenes"
        band = next(iter(newest.scene.bands.values()))
        self._files.remote(band, newest.collection).read(0, 16)
        return f"{self.name} {self._api.url}: {names}, a scene of {newest.scene.id.day} can be read"

    def _read_granule(
        self, granule: Granule, names: Sequence[str], grid: Grid, parts: ReadCache
    ) -> NDArray[np.float32]:
        """(len(names), *grid.shape) reflectance, bands read in parallel, as many as allowed."""
        values = np.empty((len(names), *grid.shape), dtype=np.float32)

        def read(place: int) -> None:
            self._read_band(granule, names[place], grid, parts, values[place])

        concurrency.for_each(read, range(len(names)), self._api.parallel_reads)
        values += np.float32(self._offset(granule, values, names))
        return values

    def _read_band(
        self, granule: Granule, name: str, grid: Grid, parts: ReadCache, out: NDArray[np.float32]
    ) -> None:
        """Stored numbers times their scale, without the offset, into `out`: grid.shape."""
        key = f"{granule.scene.address} {name}"
        values = parts.get(key)
        if values is None:
            band = granule.scene.bands[name]
            [values] = reader.read_warped(
                [(self._files.raster(band, granule.collection), band.index)],
                grid,
                scale=band.scale,
                nodata=band.nodata,
                expected=_expected_grid(band, granule.scene.id),
            )
            parts.put(key, values)
        out[...] = values

    def _offset(self, granule: Granule, values: NDArray[np.float32], names: Sequence[str]) -> float:
        """Offset to add to `values`; all strips of a granule with evidence must agree on it."""
        name = f"{granule.scene.address} ({granule.scene.id})"
        scales = {granule.scene.bands[band].scale for band in names}
        if scales != {radiometry.DN_SCALE}:
            return granule.offset or 0.0
        evidence = radiometry.detect_offset(values, names)
        offset = radiometry.resolve_offset(
            granule.rule,
            baseline=granule.scene.baseline,
            declared=granule.offset,
            subtracted=granule.subtracted,
            evidence=evidence,
            name=name,
        )
        before = self._offsets.get(granule.scene.address, offset)
        if evidence.present is not None and before != offset:
            raise OffsetContradiction(
                f"the strips of {name} contradict each other: the offset {offset:g} after"
                f" {before:g} ({evidence.text}); fetch the scene from another source"
            )
        self._offsets[granule.scene.address] = before
        return before

    def _complete(self, overpass: MergedDatastrips) -> tuple[str, ...]:
        """Its bands; `BandMissing` if it lacks one that every Sentinel-2 scene has."""
        expected = set(self._api.bands.values()) or set(BANDS)
        missing = [name for name in BANDS if name in expected and name not in overpass.bands]
        if missing:
            raise BandMissing(
                f"{overpass.granules[0].scene.address} ({overpass.id}) has no asset with the band"
                f" {', '.join(missing)}; fetch the scene from another source"
            )
        return overpass.bands

    def _found(self, acquisition_id: AcquisitionId) -> MergedDatastrips | None:
        tile = tile_grid(acquisition_id.tile)
        ground = project(box(*tile.bounds), tile.epsg, WGS84)
        # a day around it: the id's day is that of the datatake, which may begin before midnight
        day = timedelta(days=1)
        near = self._client.granules(ground, acquisition_id.day - day, acquisition_id.day + day)
        found = (overpass for overpass in self._grouped(near) if overpass.id == acquisition_id)
        return next(found, None)

    def _grouped(self, granules: Sequence[Granule]) -> list[MergedDatastrips]:
        return merge_datastrips(granules, list(self._api.collections))


def _expected_grid(band: SceneBand, acquisition_id: AcquisitionId) -> reader.ExpectedGrid:
    """Where the raster must lie; a tile has one zone, whatever the item declares."""
    declared = band.declared
    return reader.ExpectedGrid(
        declared.epsg or tile_grid(acquisition_id.tile).epsg, declared.shape, declared.transform
    )
