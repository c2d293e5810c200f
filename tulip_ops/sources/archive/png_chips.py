"""PNG chips without georeferencing, as in the 2018 prototype.

Its folders held WMS chips as `<place>_wms_<day>-<time>_TRUE_COLOR.png`, without a CRS, and
GeoTIFFs of the same places: masks, or copies of the chips. A PNG gets the georeferencing of a
GeoTIFF with its place and size.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tulip_ops.core.errors import BadScene, UnreadableRaster
from tulip_ops.raster import cog_copies, header

_TIFFS = frozenset((".tif", ".tiff"))
_CHIP = "_wms"
_PLACE = re.compile(r"(?P<place>.+?)_wms(?:_|$)")


def scenes(paths: Sequence[Path]) -> list[Path]:
    """The scenes in files and folders, each once; sorted by name.

    In a folder with files named `*wms*` those are the scenes, else its GeoTIFFs.
    `BadScene` for a folder without scenes.
    """
    found = [one for path in paths for one in (_of_folder(path) if path.is_dir() else [path])]
    unique = {path.resolve(): path for path in found}.values()
    return sorted(unique, key=lambda path: path.name)


def georeferenced(path: Path, scratch: Path) -> Path:
    """The file itself, or a PNG without a CRS as a GeoTIFF of the same name below `scratch`.

    `BadScene` for a PNG of unknown place, `UnreadableRaster` for a file that is no PNG.
    """
    if path.suffix.lower() != ".png":
        return path
    facts = header.inspect(str(path))
    if facts.epsg is not None:
        return path
    for other in _of_same_place(path):
        try:
            there = header.inspect(str(other))
        except UnreadableRaster:
            continue  # it is refused itself if it is meant to be a scene
        if there.epsg is not None and there.shape == facts.shape:
            # folders may hold files of the same name, which gives the day
            target = Path(tempfile.mkdtemp(dir=scratch)) / f"{path.stem}.tif"
            cog_copies.copy_georeferenced(path, target, there)
            return target
    raise BadScene(
        f"{path} does not say where it lies: put a GeoTIFF of the same place and size beside it"
        " (the same name up to `_wms`, such as its mask), or give it a CRS with gdal_translate"
    )


def _of_folder(folder: Path) -> list[Path]:
    images = [path for path in folder.rglob("*") if path.suffix.lower() in _TIFFS | {".png"}]
    chips = [path for path in images if _CHIP in path.stem]
    tiffs = {path.with_suffix("") for path in chips if path.suffix.lower() in _TIFFS}
    wanted = [
        path for path in chips if path.suffix.lower() in _TIFFS or path.with_suffix("") not in tiffs
    ] or [path for path in images if path.suffix.lower() in _TIFFS]
    if not wanted:
        raise BadScene(f"{folder} holds no scene: neither *wms*.png nor *.tif")
    return wanted


def _of_same_place(path: Path) -> Iterator[Path]:
    match = _PLACE.match(path.stem)
    place = match["place"] if match else path.stem
    for other in sorted(path.parent.iterdir()):
        same = other.stem == path.stem or other.stem.startswith(f"{place}_")
        if same and other.suffix.lower() in _TIFFS:
            yield other
