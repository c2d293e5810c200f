"""Reads the metadata of ESA's products (SAFE), as a folder or a zip file."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tulip_ops.core.errors import BadScene
from tulip_ops.sources.stac_bands import common_name

_METADATA = re.compile(r"(?:(?P<folder>[^/]+)/)?MTD_MSIL(?:1C|2A)\.xml")
_IMAGE = re.compile(r".*_(?P<word>(?:B\d\d|B8A|SCL|AOT|WVP|TCI)(?:_\d\dm)?)")
_METRES = re.compile(r"_(\d\d)m$")
_BAND_IDS = (
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12",
)  # fmt: skip
"""Bands by the `band_id` of ESA's metadata."""


@dataclass(frozen=True, slots=True)
class BandFile:
    """A file, and the band that its name says."""

    href: str
    """Path, or a path that GDAL opens in a zip file."""
    word: str | None
    """Name of its only band, as B02; None: the file says itself what it holds."""
    scale: float | None = None
    offset: float | None = None
    """Reflectance = stored * scale + offset; None: not known from metadata."""


@dataclass(frozen=True, slots=True)
class Product:
    """An ESA product."""

    name: str
    """ESA's name of it, without suffix, whatever its folder is called."""
    bands: tuple[BandFile, ...]
    left_out: tuple[str, ...]
    originals: tuple[Path, ...]
    """Files whose bytes identify it."""


def is_product(path: Path) -> bool:
    """Whether a path looks like a product, by its name or the metadata in it."""
    name = path.name.lower()
    if path.is_dir():
        return name.endswith(".safe") or any(path.glob("MTD_MSIL*.xml"))
    return name.endswith((".safe.zip", ".zip"))


def read_product(path: Path) -> Product:
    """Read MTD_MSIL2A.xml or MTD_MSIL1C.xml; `BadScene` if that or an image is missing."""
    try:
        files = _zipped(path) if path.is_file() else _in_folder(path)
        metadata = next((name for name in files if _METADATA.fullmatch(name)), None)
        if metadata is None:
            raise BadScene(
                f"{path} holds no MTD_MSIL2A.xml or MTD_MSIL1C.xml: it is no Sentinel-2 product"
                " since December 2016. Convert older ones with gdal_translate, or fetch the scene"
                " by STAC (docs/how-to/sources.md)"
            )
        text = _text(path, metadata)
        root = ElementTree.fromstring(text)  # noqa: S314 - expat limits how entities expand
    except (OSError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise BadScene(f"{path} cannot be read as a product ({error}); fetch it again") from error
    images = _images(path, root, metadata, files)
    bands, left_out = finest(images)
    encoded = tuple(
        BandFile(band.href, band.word, *_encoding(path, root, str(band.word))) for band in bands
    )
    used = (path,) if path.is_file() else tuple(Path(band.href) for band in encoded)
    name = _value(root, "PRODUCT_URI") or path.name
    return Product(name.removesuffix(".SAFE"), encoded, left_out, used)


def finest(images: Iterable[tuple[str, str]]) -> tuple[tuple[BandFile, ...], tuple[str, ...]]:
    """The finest file of each band, and the names of what is no band of ours.

    images: words such as B02_10m, and their files.
    """
    found: dict[str, BandFile] = {}
    left_out: dict[str, None] = {}
    for word, href in sorted(images, key=lambda image: (_metres(image[0]), image[0])):
        band = common_name(word)
        short = _METRES.sub("", word)
        if band is None:
            left_out[short] = None
        elif band not in found:
            found[band] = BandFile(href, short)
    return tuple(sorted(found.values(), key=lambda band: str(band.word))), tuple(left_out)


def _metres(word: str) -> int:
    match = _METRES.search(word)
    return int(match[1]) if match else 0


def _in_folder(path: Path) -> dict[str, str]:
    """Hrefs of all files, by their place in the product."""
    return {
        file.relative_to(path).as_posix(): str(file) for file in path.rglob("*") if file.is_file()
    }


def _zipped(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as zipped:
        return {name: f"/vsizip/{path.absolute()}/{name}" for name in zipped.namelist()}


def _text(path: Path, metadata: str) -> bytes:
    if path.is_dir():
        return (path / metadata).read_bytes()
    with zipfile.ZipFile(path) as zipped:
        return zipped.read(metadata)


def _images(
    path: Path, root: ElementTree.Element, metadata: str, files: dict[str, str]
) -> list[tuple[str, str]]:
    """Word and href of each image that the metadata name, which have no suffix there."""
    folder = metadata.rpartition("/")[0]
    found, missing = [], []
    for element in root.iter("IMAGE_FILE"):
        place = (element.text or "").strip()
        match = _IMAGE.fullmatch(place)
        if match is None:
            continue
        name = "/".join(filter(None, (folder, f"{place}.jp2")))
        if name in files:
            found.append((match["word"], files[name]))
        else:
            missing.append(f"{place}.jp2")
    if missing or not found:
        raise BadScene(
            f"{path} lacks {missing[0] if missing else 'every image'}, which its metadata name;"
            " unpack or fetch it again"
        )
    return found


def _encoding(path: Path, root: ElementTree.Element, word: str) -> tuple[float, float]:
    """Scale and offset of a band's DN."""
    number = _value(root, "BOA_QUANTIFICATION_VALUE") or _value(root, "QUANTIFICATION_VALUE")
    identity = str(_BAND_IDS.index(word))
    offsets = [
        element.text
        for tag in ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET")
        for element in root.iter(tag)
        if element.get("band_id") == identity
    ]
    try:
        scale = 1 / float(number or "")
        return scale, float(offsets[0] or "") * scale if offsets else 0.0
    except (ValueError, ZeroDivisionError) as error:
        raise BadScene(
            f"{path} does not say in its metadata how DN become reflectance ({error}); give"
            " gdal_translate'd bands with --scale and --offset, or fetch it again"
        ) from error


def _value(root: ElementTree.Element, tag: str) -> str | None:
    return next((element.text for element in root.iter(tag)), None)
