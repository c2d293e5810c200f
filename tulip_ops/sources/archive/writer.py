"""Writes an archive's scenes: pixels as COGs, and the STAC items and assets that describe them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from shapely.geometry import box

from tulip_ops.core.files import sha256_file
from tulip_ops.core.types import AcquisitionId
from tulip_ops.raster import cog, cog_copies, header
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.archive.catalog import Catalog, Document
from tulip_ops.sources.archive.geotiff_metadata import SceneMetadata
from tulip_ops.storage import stac_items

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE_SHA256 = "tulip:source_sha256"
"""Property of an item: checksum of the file that its pixels were copied from."""

SOURCE_FILE = "tulip:source_file"
"""Property of an item: name of that file, or of the first one."""

_PIXELS = "reflectance.tif"


@dataclass(frozen=True, slots=True)
class RasterPart:
    """A raster that a scene is made of."""

    key: str
    """Of its asset: `reflectance`, or the band where each has a file of its own."""
    href: str
    found: SceneMetadata


class SceneWriter:
    """Writes rasters below a catalog, in its folder or in S3. Publishes no item."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def copy_files(
        self,
        acquisition_id: AcquisitionId,
        parts: Sequence[RasterPart],
        properties: Mapping[str, Any],
    ) -> Document:
        """Write the pixels of a scene's files; returns the item that describes them."""
        assets = {part.key: self._copy(acquisition_id, part) for part in parts}
        found = parts[0].found
        return stac_items.scene_item(
            acquisition_id, found.sensed_at, found.footprint, assets, properties
        )

    def _copy(self, acquisition_id: AcquisitionId, part: RasterPart) -> Document:
        pixels = part.found.pixels
        selection = cog_copies.BandSelection(
            indexes=pixels.choice.indexes,
            names=pixels.bands,
            scales=pixels.scales,
            offsets=pixels.offsets,
            nodata=pixels.nodata,
            mask_index=pixels.choice.mask_index,
        )
        return self._write_raster(
            f"{acquisition_id}/{part.key}.tif",
            lambda target: cog_copies.copy_as_cog(part.href, target, selection),
            title=pixels.title,
            role="data",
        )

    def write_scene(
        self,
        acquisition_id: AcquisitionId,
        sensed_at: datetime,
        reflectance: NDArray[np.float32],
        bands: Sequence[str],
        grid: Grid,
        baseline: str | None,
        properties: Mapping[str, Any],
    ) -> Document:
        """Write reflectance as `Archive.add_scene` says; returns the item that describes it."""
        stated = {} if baseline is None else {"s2:processing_baseline": baseline}
        offset = radiometry.baseline_offset(baseline)
        asset = self._write_raster(
            f"{acquisition_id}/{_PIXELS}",
            lambda path: cog.write_reflectance(
                path,
                reflectance,
                grid,
                bands,
                offset=radiometry.DN_OFFSET if offset is None else offset,
            ),
            title="Reflectance",
            role="data",
        )
        return stac_items.scene_item(
            acquisition_id,
            sensed_at,
            project(box(*grid.bounds), grid.epsg, WGS84),
            {"reflectance": asset},
            {"gsd": grid.resolution, **stated, **properties},
        )

    def write_truth(
        self,
        acquisition_id: AcquisitionId,
        name: str,
        labels: NDArray[np.uint8],
        grid: Grid,
        names: Sequence[str],
    ) -> Document:
        """Write labels beside a scene; returns the asset that describes them."""
        return self._write_raster(
            f"{acquisition_id}/{name}.tif",
            lambda path: cog.write_labels(path, labels, grid, names),
            title="Truth",
            role="truth",
        )

    def _write_raster(
        self, name: str, write: Callable[[Path], None], *, title: str, role: str
    ) -> Document:
        """Write a raster beside its item, and return the description from its header."""
        with (
            tempfile.TemporaryDirectory() as scratch,
            self._catalog.places.writing(self._catalog.address(name), Path(scratch)) as path,
        ):
            write(path)
            facts = header.inspect(str(path))
            size, digest = path.stat().st_size, sha256_file(path)
        return stac_items.raster_asset(
            f"./{Path(name).name}",
            title=title,
            role=role,
            bands=facts.bands,
            epsg=facts.epsg,
            transform=facts.transform,
            shape=facts.shape,
            dtype=facts.dtype,
            scales=facts.scales,
            offsets=facts.offsets,
            nodata=facts.nodata,
            size=size,
            sha256=digest,
        )
