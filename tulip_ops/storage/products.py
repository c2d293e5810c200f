"""The products of acquisitions and seasons: their files, their assets, and how they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tulip_ops.raster import encoding
from tulip_ops.raster.encoding import Encoding

COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@dataclass(frozen=True, slots=True)
class Product:
    """One file that a step writes for each acquisition, or the history for each season."""

    name: str
    """File name, in the folder of the acquisition or season."""
    key: str
    """Key of its asset in the STAC item."""
    title: str
    media_type: str
    format: int
    """Part of its recipe. Raise it when the code makes other pixels or rows from the same input."""
    bands: tuple[str, ...] = ()
    """Band names of a raster, in order; empty if they depend on the acquisition."""
    encoding: Encoding | None = None
    """None: not a raster."""


def by_key(*products: Product) -> Mapping[str, Product]:
    """A table of products; `ValueError` if two have the same key or the same file name."""
    table = {product.key: product for product in products}
    if len(table) < len(products) or len({product.name for product in products}) < len(products):
        raise ValueError(f"two products share a key or a file name: {products}")
    return table


REFLECTANCE = Product(
    "reflectance.tif",
    key="reflectance",
    title="Surface reflectance",
    media_type=COG,
    format=1,
    encoding=encoding.REFLECTANCE,
)
CLOUD = Product(
    "cloud.tif",
    key="cloud",
    title="Cloud probability",
    media_type=COG,
    format=3,
    bands=("cloud",),
    encoding=encoding.PROBABILITY,
)
TULIP = Product(
    "tulip.tif",
    key="tulip",
    title="Probability of tulips and of tulips in flower",
    media_type=COG,
    format=3,
    bands=("tulip", "bloom"),
    encoding=encoding.PROBABILITY,
)
DETECTIONS = Product(
    "detections.parquet",
    key="detections",
    title="Detected tulip fields",
    media_type="application/vnd.apache.parquet",
    format=4,
)

EVIDENCE = Product(
    "evidence.tif",
    key="evidence",
    title="Weight of evidence for tulips, summed over the looks of a season, and their number",
    media_type=COG,
    format=1,
    bands=("evidence", "looks"),
    encoding=encoding.COUNTS,
)
SEASON_PROBABILITY = Product(
    "probability.tif",
    key="probability",
    title="Probability of tulips by all looks of a season together, and by their mean",
    media_type=COG,
    format=1,
    bands=("tulip", "mean"),
    encoding=encoding.PROBABILITY,
)

PRODUCTS = by_key(REFLECTANCE, CLOUD, TULIP, DETECTIONS)
"""Those of an acquisition, in the order of the steps that write them."""

SEASON_PRODUCTS = by_key(EVIDENCE, SEASON_PROBABILITY)
"""Those of one tile in a season, which the history writes."""
