"""An archive: a static STAC catalog with COGs, in a folder or in S3.

`catalog.json` links to items, or to further catalogs and collections. Any static catalog can be
read; the ones written here hold a folder for each scene, with its item and its pixels in their
original CRS and encoding.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from tulip_ops.core.errors import BadAcquisitionId, BadData, BadScene
from tulip_ops.core.types import Acquisition, AcquisitionId, Area
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.archive.additions import SceneAdder
from tulip_ops.sources.archive.catalog import Catalog, Document
from tulip_ops.sources.archive.geotiff_metadata import MetadataOptions
from tulip_ops.sources.archive.reader import SceneReader
from tulip_ops.sources.archive.writer import SceneWriter
from tulip_ops.sources.read_cache import ReadCache
from tulip_ops.sources.stac_item import StacScene, parse_scene
from tulip_ops.storage.object_store import ObjectStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

_BENT = 0.05
"""Largest deviation of a tile's edges from straight lines between its corners, degrees."""


class Archive:
    """A source, and the only one to which scenes can be added."""

    name = "archive"

    def __init__(self, place: str | Path, s3_endpoint: str | None = None) -> None:
        """`place`: a folder or s3://bucket/prefix; it need not hold a catalog yet."""
        places = ObjectStore(s3_endpoint)
        self._catalog = Catalog(str(place), places)
        self._pixels = SceneReader(places)
        self._writer = SceneWriter(self._catalog)

    @property
    def problems(self) -> list[str]:
        """As `Source` says, since the latest query of the catalog."""
        return self._catalog.problems

    def scenes(self, wanted: Callable[[AcquisitionId], bool] | None = None) -> Iterator[StacScene]:
        """Every usable scene of the catalog; the others go to `problems`, and to the log.

        wanted: filters items whose files are named by acquisition ids, as ours are, before they
        are read; others are always read. `ArchiveNotFound` if there is no catalog.
        """
        for scene, _ in self._described(wanted):
            yield scene

    def search(self, areas: Sequence[Area], since: date, until: date) -> Iterator[Acquisition]:
        """As `Source` says."""
        wanted = shapely.union_all([area.geometry for area in areas])
        over = cache(lambda tile: _reaches(tile, wanted))
        found: dict[AcquisitionId, StacScene] = {}
        for scene in self.scenes(lambda named: since <= named.day <= until and over(named.tile)):
            if since <= scene.id.day <= until and scene.footprint.intersects(wanted):
                found.setdefault(scene.id, scene)
        for acquisition_id in sorted(found):
            yield found[acquisition_id].acquisition(self.name)

    def find(self, acquisition_id: AcquisitionId) -> Acquisition | None:
        """As `Source` says."""
        for scene in self.scenes(lambda named: named == acquisition_id):
            if scene.id == acquisition_id:
                return scene.acquisition(self.name)
        return None

    def read(
        self, acquisition: Acquisition, grid: Grid, parts: ReadCache
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """As `Source` says; `BadScene` if its item changed into one that cannot be used."""
        return self._pixels.read(self._scene(acquisition.href), grid, parts)

    def fingerprint(self, acquisition: Acquisition) -> str:
        """As `Source` says: of the item, which holds the checksums of its pixels if it is ours."""
        item = self._catalog.document(acquisition.href)
        return hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()

    def describe(self) -> str:
        """As `Source` says."""
        ids = [scene.id for scene in self.scenes()]
        simulated = sum(i.simulated for i in ids)
        unusable = f", {len(self.problems)} items unusable" if self.problems else ""
        return (
            f"archive {self._catalog.place}: {len(ids)} scenes,"
            f" {simulated} of them simulated{unusable}"
        )

    def add_files(
        self,
        files: Sequence[Path],
        *,
        refuse: Callable[[Path, BadData], None] | None = None,
        **options: Unpack[MetadataOptions],
    ) -> list[AcquisitionId]:
        """Add files as scenes: pixels unchanged, in COGs of their own CRS.

        files: GeoTIFFs, files of one band each, or products of ESA. options: as of
        `parse_metadata`, which fills in missing ones from names and headers.
        refuse: called for each unusable file, and all others are added; by default the first
        unusable file raises `BadScene` or `UnreadableRaster`, and those before it stay.

        Scenes of one platform, tile, day and level get sequences in the order of their names. Files
        already in the archive are skipped. Returns the id of each scene, in the order of names.
        """
        additions = self.adder().add(files, existing="keep", refuse=refuse, **options)
        return [addition.id for addition in additions if addition.id is not None]

    def adder(self) -> SceneAdder:
        """To add files with more control; it knows the scenes as they are now."""
        described = self._described() if self._catalog.exists() else ()
        items = ((scene.id, document) for scene, document in described)
        return SceneAdder(self._catalog, self._writer, items)

    def remove(self, acquisition_id: AcquisitionId) -> None:
        """Remove a scene that was added, with its pixels; `AcquisitionNotFound`."""
        self._catalog.remove(acquisition_id)

    def add_scene(
        self,
        acquisition_id: AcquisitionId,
        sensed_at: datetime,
        reflectance: NDArray[np.float32],
        bands: Sequence[str],
        grid: Grid,
        *,
        baseline: str | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Add reflectance as a scene, in place of the one with that id if there is one.

        reflectance: (len(bands), *grid.shape) float32, NaN where nothing was measured.
        baseline: ESA's processing baseline, such as 02.14, that sets the encoding and is
        named in the item; None: encoding of 04.00 and later, and none is named.
        """
        item = self._writer.write_scene(
            acquisition_id, sensed_at, reflectance, bands, grid, baseline, properties or {}
        )
        self._catalog.publish(item)

    def add_truth(
        self,
        acquisition_id: AcquisitionId,
        name: str,
        labels: NDArray[np.uint8],
        grid: Grid,
        names: Sequence[str],
    ) -> None:
        """Store ground truth beside a scene: (len(names), *grid.shape) uint8.

        `read` never returns it. The scene must exist: `BadScene` otherwise.
        """
        item = self._catalog.document(
            self._catalog.address(str(acquisition_id), f"{acquisition_id}.json")
        )
        item["assets"][name] = self._writer.write_truth(acquisition_id, name, labels, grid, names)
        self._catalog.publish(item)

    def _scene(self, address: str) -> StacScene:
        return parse_scene(self._catalog.document(address), address)

    def _described(
        self, wanted: Callable[[AcquisitionId], bool] | None = None
    ) -> Iterator[tuple[StacScene, Document]]:
        """As `scenes`, with the documents they were read from."""
        self.problems.clear()
        addresses = (
            address
            for address in self._catalog.items()
            if wanted is None or (named := _named(address)) is None or wanted(named)
        )
        for address, document in self._catalog.documents(addresses):
            try:
                if isinstance(document, BadScene):
                    raise document
                yield parse_scene(document, address), document
            except BadScene as error:
                self.problems.append(str(error))
        for problem in self.problems:
            log.warning("left out: %s", problem)


def _named(address: str) -> AcquisitionId | None:
    """The acquisition id in an item's file name, if any."""
    try:
        return AcquisitionId.parse(Path(address).stem)
    except BadAcquisitionId:
        return None


def _reaches(tile: str, wanted: BaseGeometry) -> bool:
    """Whether the tile may intersect `wanted`, EPSG:4326."""
    try:
        grid = tile_grid(tile)
    except BadScene:
        return True  # reading the item will report what is wrong with it
    return bool(project(box(*grid.bounds), grid.epsg, WGS84).buffer(_BENT).intersects(wanted))
