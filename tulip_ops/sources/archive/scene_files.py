"""Which files make one scene: a GeoTIFF, one file per band, or an ESA product (SAFE)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tulip_ops.core.errors import BadScene
from tulip_ops.sources.archive import safe_product
from tulip_ops.sources.archive.safe_product import BandFile, finest
from tulip_ops.sources.stac_bands import common_name

_RASTERS = frozenset((".tif", ".tiff", ".jp2"))
_BAND_FILE = re.compile(r"(?P<scene>.+)_(?P<word>(?:B\d{1,2}|B8A|SCL|AOT|WVP|TCI)(?:_\d\dm)?)")


@dataclass(frozen=True, slots=True)
class SceneFiles:
    """The files of one scene."""

    path: Path
    """For messages: the file, the first of the files, or the product."""
    name: str
    """Says day, satellite and tile; without suffix and without band."""
    bands: tuple[BandFile, ...]
    left_out: tuple[str, ...]
    """Names of bands that no network uses."""
    originals: tuple[Path, ...]
    """Files whose bytes identify the scene."""


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files and products in files and folders, each once; `BadScene` for a folder without."""
    found = []
    for path in paths:
        inside = _inside(path)
        if not inside:
            raise BadScene(f"{path} holds no GeoTIFF (*.tif), JPEG 2000 (*.jp2) or *.SAFE")
        found += inside
    return list({path.resolve(): path for path in found}.values())


def group_files(paths: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Files of one scene together: those of a folder whose names differ by the band alone.

    In the order of names.
    """
    groups: dict[object, list[Path]] = {}
    names = {path: _split(path) for path in sorted(paths, key=lambda path: path.name)}
    scenes = {
        (path.parent, name.scene) for path, name in names.items() if name and name.band is not None
    }
    for path, name in names.items():
        key = (path.parent, name.scene) if name else path
        groups.setdefault(key if key in scenes else path, []).append(path)
    return [tuple(group) for group in groups.values()]


def describe_files(group: Sequence[Path]) -> SceneFiles:
    """What a group of `group_files` is; `BadScene` for a product that cannot be used."""
    path = group[0]
    if safe_product.is_product(path):
        product = safe_product.read_product(path)
        return SceneFiles(path, product.name, product.bands, product.left_out, product.originals)
    name = _split(path)
    if name is None or (len(group) == 1 and name.band is None):
        return SceneFiles(path, path.stem, (BandFile(str(path), None),), (), (path,))
    words = {other: split.word for other in group if (split := _split(other))}
    bands, left_out = finest((word, str(other)) for other, word in words.items())
    used = {band.href for band in bands}
    originals = tuple(other for other in group if str(other) in used)
    return SceneFiles(path, name.scene, bands, left_out, originals)


@dataclass(frozen=True, slots=True)
class _BandName:
    """The name of a file that holds one band of a scene."""

    scene: str
    word: str
    """Band and resolution, such as B02_10m."""
    band: str | None
    """Our name; None for what no network uses."""


def _split(path: Path) -> _BandName | None:
    """The parts of a name that ends with a band."""
    match = _BAND_FILE.fullmatch(path.stem) if path.suffix.lower() in _RASTERS else None
    return match and _BandName(match["scene"], match["word"], common_name(match["word"]))


def _inside(path: Path) -> list[Path]:
    if safe_product.is_product(path) or not path.is_dir():
        return [path]
    return [
        found
        for entry in sorted(path.iterdir())
        if entry.is_dir() or entry.suffix.lower() in _RASTERS or safe_product.is_product(entry)
        for found in _inside(entry)
    ]
