"""Adds files to an archive as scenes, or says what they would become."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack

import numpy as np

from tulip_ops.core.errors import BadData, BadScene
from tulip_ops.core.files import sha256_file
from tulip_ops.core.types import AcquisitionId
from tulip_ops.raster import header
from tulip_ops.sources.archive.catalog import Catalog, Document
from tulip_ops.sources.archive.geotiff_metadata import (
    MetadataOptions,
    SceneMetadata,
    parse_metadata,
)
from tulip_ops.sources.archive.item_changes import changes
from tulip_ops.sources.archive.pixel_checks import check_pixels
from tulip_ops.sources.archive.scene_files import SceneFiles, describe_files, group_files
from tulip_ops.sources.archive.writer import SOURCE_FILE, SOURCE_SHA256, RasterPart, SceneWriter

Existing = Literal["keep", "compare", "replace"]
"""What happens to a file that the archive has: nothing; `BadScene` if it would become another
scene by now; it becomes that scene."""

_SHIFT = 30.0
"""Largest distance of the corners of a scene's bands, metres or units of the CRS."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What became of a file, or of files that are one scene."""

    path: Path
    """The first file."""
    id: AcquisitionId | None = None
    """None: it is no scene, see `error`."""
    digest: str = ""
    parts: tuple[RasterPart, ...] = ()
    """Empty for a file that the archive had."""
    left_out: tuple[str, ...] = ()
    """Names of bands that no network uses."""
    replaces: AcquisitionId | None = None
    """A scene that the archive had, of the same file or of an older one of its name."""
    error: BadData | None = None


class SceneAdder:
    """Adds scenes to one catalog."""

    def __init__(
        self, catalog: Catalog, writer: SceneWriter, items: Iterable[tuple[AcquisitionId, Document]]
    ) -> None:
        self._catalog = catalog
        self._writer = writer
        self._items = dict(items)
        self._taken = set(self._items)
        self._by_digest = {
            digest: acquisition_id
            for acquisition_id, item in self._items.items()
            if (digest := item["properties"].get(SOURCE_SHA256)) is not None
        }
        self._obsolete: list[AcquisitionId] = []

    def add(
        self,
        files: Sequence[Path],
        *,
        existing: Existing,
        dry_run: bool = False,
        refuse: Callable[[Path, BadData], None] | None = None,
        **options: Unpack[MetadataOptions],
    ) -> list[Addition]:
        """One `Addition` for each scene or refused file, in the order of names.

        dry_run: write nothing. refuse and options: as of `Archive.add_files`.
        """
        additions = []
        with self._catalog.publishing() as publish:
            for group in group_files(files):
                try:
                    scene = describe_files(group)
                    addition = self._plan(scene, _digest(scene), existing, options)
                    if addition.id is not None and addition.parts and not dry_run:
                        properties = {
                            SOURCE_FILE: scene.path.name,
                            SOURCE_SHA256: addition.digest,
                        }
                        item = self._writer.copy_files(addition.id, addition.parts, properties)
                        publish(item)
                        self._items[addition.id] = item
                except BadData as error:
                    if refuse is None:
                        raise
                    refuse(group[0], error)
                    addition = Addition(group[0], error=error)
                self._remember(addition)
                additions.append(addition)
        for replaced in () if dry_run else self._obsolete:
            self._catalog.remove(replaced)
        return additions

    def _plan(
        self, scene: SceneFiles, digest: str, existing: Existing, options: MetadataOptions
    ) -> Addition:
        """What becomes of the files: `BadScene`, `UnreadableRaster`."""
        there = self._by_digest.get(digest)
        if there is not None and existing == "keep":
            return Addition(scene.path, there, digest)
        try:
            parts = _parts(scene, options)
        except BadScene:
            if there is not None and existing == "compare":
                return Addition(scene.path, there, digest)  # missing options contradict nothing
            raise
        if there is not None:
            item = self._items.get(there)
            differences = [] if item is None else changes(there, item, parts)
            if not differences:
                return Addition(scene.path, there, digest)
            if existing == "compare":
                raise BadScene(
                    f"{scene.path} is in the archive as {there}, with {'; '.join(differences)}:"
                    " give the same options, or --replace to change the scene"
                )
        check_pixels(scene.path, [(part.href, part.found.pixels) for part in parts])
        replaced = there or (self._namesake(scene, parts) if existing == "replace" else None)
        return Addition(
            scene.path,
            self._id(parts[0].found, replaced),
            digest,
            parts,
            scene.left_out + parts[0].found.pixels.choice.left_out,
            replaced,
        )

    def _remember(self, addition: Addition) -> None:
        if addition.id is None:
            return
        if addition.replaces is not None and addition.replaces != addition.id:
            self._obsolete.append(addition.replaces)
        self._taken.add(addition.id)
        self._by_digest[addition.digest] = addition.id

    def _namesake(self, scene: SceneFiles, parts: Sequence[RasterPart]) -> AcquisitionId | None:
        """The scene of the same day, tile and satellite that was made of a file of this name."""
        for acquisition_id, item in self._items.items():
            same_id = parts[0].found.id(acquisition_id.sequence) == acquisition_id
            if same_id and item["properties"].get(SOURCE_FILE) == scene.path.name:
                return acquisition_id
        return None

    def _id(self, found: SceneMetadata, replaced: AcquisitionId | None) -> AcquisitionId:
        """The id of the replaced scene if it fits, else that with the lowest unused sequence."""
        if replaced is not None and found.id(replaced.sequence) == replaced:
            return replaced
        sequence = 0
        while (candidate := found.id(sequence)) in self._taken:
            sequence += 1
        return candidate


def _parts(scene: SceneFiles, options: MetadataOptions) -> tuple[RasterPart, ...]:
    """The rasters of a scene with their metadata; `BadScene` if they do not fit together."""
    several = len(scene.bands) > 1
    if several and options.get("bands"):
        raise BadScene(f"{scene.path}: its files name their bands themselves; leave --band out")
    parts = []
    for band in scene.bands:
        own: MetadataOptions = {**options, "name": scene.name}
        info = header.inspect(band.href)
        # a name may end with B2 without meaning a band
        if band.word is not None and not options.get("bands") and len(info.bands) == 1:
            own["bands"] = (band.word,)
        if band.scale is not None and options.get("scale") is None:
            own["scale"] = band.scale
            own["offset"] = band.offset if options.get("offset") is None else options["offset"]
        found = parse_metadata(Path(band.href), info, **own)
        key = found.pixels.bands[0] if several else "reflectance"
        parts.append(RasterPart(key, band.href, found))
    for part in parts[1:]:
        shift = np.subtract(part.found.info.bounds, parts[0].found.info.bounds)
        if part.found.epsg != parts[0].found.epsg or np.abs(shift).max() > _SHIFT:
            raise BadScene(
                f"{part.href} and {parts[0].href} are of one scene by their names, but cover"
                " different ground: leave one out, or name it otherwise"
            )
    return tuple(parts)


def _digest(scene: SceneFiles) -> str:
    """Of the bytes of all its files."""
    digests = []
    for path in scene.originals:
        try:
            digests.append(sha256_file(path))
        except OSError as error:
            raise BadScene(f"{path} cannot be read: {error.strerror}") from error
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
