"""One acquisition as each provider publishes it: band COGs, and an item in the provider's words.

The shapes of the items are those of Earth Search, Planetary Computer and Copernicus Data Space;
only what nobody here reads is left out.
"""

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from shapely.geometry import box, mapping

from tulip_ops.core.types import BANDS
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project

NUMBERS = dict(
    zip(BANDS, "B02 B03 B04 B05 B06 B07 B08 B8A B11 B12".split(), strict=True)  # noqa: SIM905
)
METRES = dict.fromkeys(BANDS, 20) | dict.fromkeys(("blue", "green", "red", "nir"), 10)
"""Side of a band's pixel."""


@dataclass(frozen=True)
class Published:
    """A granule as it came from the satellite, before any provider put it somewhere."""

    grid: Grid
    """At 10 m, a part of the tile's own, on corners of 20 m pixels."""
    reflectance: Mapping[str, np.ndarray]
    """By band, each in its own resolution; NaN where nothing was measured."""
    platform: str = "S2B"
    tile: str = "31UFU"
    sensed_at: datetime = datetime(2026, 4, 20, 10, 50, 31, tzinfo=UTC)
    datatake: str = "20260420T105019"
    datastrip: str = "20260420T105021"
    station: str = "2BPS"
    generated: str = "20260420T131500"
    baseline: str = "05.11"
    orbit: int = 51
    cloud_cover: float = 12.5
    sequence: int = 0

    @property
    def product(self) -> str:
        """ESA's name of it."""
        return (
            f"{self.platform}_MSIL2A_{self.datatake}_N{self.baseline.replace('.', '')}"
            f"_R{self.orbit:03}_T{self.tile}_{self.generated}"
        )

    @property
    def footprint(self) -> dict[str, Any]:
        """What was measured: its western columns up to the first that is empty."""
        measured = np.isfinite(self.reflectance["red"]).any(axis=0)
        rows = np.isfinite(self.reflectance["red"]).any(axis=1)
        left, _, _, top = self.grid.bounds
        columns, lines = np.flatnonzero(measured), np.flatnonzero(rows)
        ground = box(
            left + columns[0] * 10, top - (lines[-1] + 1) * 10,
            left + (columns[-1] + 1) * 10, top - lines[0] * 10,
        )  # fmt: skip
        return mapping(project(ground, self.grid.epsg, WGS84))


@dataclass(frozen=True)
class Files:
    """Where the COGs of a granule lie, and what is in them."""

    base: str
    """URL of their folder."""
    paths: Mapping[str, Path] = field(default_factory=dict)

    def href(self, band: str) -> str:
        return f"{self.base}/{self.paths[band].name}"

    def described(self, band: str) -> dict[str, Any]:
        """The file and projection extensions' fields."""
        return deepcopy(_described(self.paths[band]))


@lru_cache
def _described(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    with rasterio.open(path) as source:
        return {
            "file:size": len(data),
            "file:checksum": "1220" + hashlib.sha256(data).hexdigest(),
            "proj:shape": list(source.shape),
            "proj:transform": list(source.transform)[:6],
        }


def ground(size: int = 256, *, seed: int = 1, column: int = 5000, row: int = 4000) -> Published:
    """Fields of 16 px, vegetated and bare, with a canal between: in tile 31UFU, `size` px wide."""
    whole = tile_grid("31UFU")
    grid = replace(
        whole, left=whole.left + 10 * column, top=whole.top - 10 * row, width=size, height=size
    )
    random = np.random.default_rng(seed)
    green = random.random((size // 16 + 1, size // 16 + 1)) < 0.6
    spectra = {  # vegetation, soil, water
        "blue": (0.03, 0.08, 0.03), "green": (0.07, 0.10, 0.04), "red": (0.04, 0.14, 0.02),
        "rededge1": (0.10, 0.17, 0.02), "rededge2": (0.28, 0.19, 0.02),
        "rededge3": (0.34, 0.21, 0.02), "nir": (0.38, 0.23, 0.02), "nir08": (0.40, 0.24, 0.02),
        "swir16": (0.20, 0.32, 0.01), "swir22": (0.10, 0.27, 0.01),
    }  # fmt: skip
    reflectance = {}
    for band, (vegetation, soil, water) in spectra.items():
        fine = np.where(green, vegetation, soil).repeat(16, 0).repeat(16, 1)[:size, :size]
        fine[:, size // 2 - 4 : size // 2] = water
        fine = fine * random.uniform(0.9, 1.1, fine.shape)
        step = METRES[band] // 10
        own = fine.reshape(size // step, step, size // step, step).mean(axis=(1, 3))
        reflectance[band] = own.astype(np.float32)
    return Published(grid, reflectance)


def without(published: Published, *, columns: slice) -> Published:
    """The same with nothing measured in these columns of 10 m pixels (even bounds)."""
    cut = {}
    for band, values in published.reflectance.items():
        step = METRES[band] // 10
        own = values.copy()
        start, stop, _ = columns.indices(published.grid.width)
        own[:, start // step : stop // step] = np.nan
        cut[band] = own
    return replace(published, reflectance=cut)


def write_cogs(
    folder: Path, url: str, published: Published, *, added: int, block: int = 128
) -> Files:
    """One COG a band of uint16: DN = reflectance * 1e4 + added, 0 where nothing was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for band, values in published.reflectance.items():
        numbers = np.rint(values.astype(np.float64) * 1e4 + added).clip(1, 65535)
        stored = np.where(np.isnan(values), 0, numbers).astype(np.uint16)
        paths[band] = folder / f"{NUMBERS[band]}.tif"
        write_cog(paths[band], stored, published.grid, METRES[band], block=block)
    return Files(url, paths)


def write_cog(
    path: Path, stored: np.ndarray, grid: Grid, metres: int, *, block: int, epsg: int | None = None
) -> None:
    draft = path.with_suffix(".draft")
    with rasterio.open(
        draft, "w", driver="GTiff", width=stored.shape[1], height=stored.shape[0], count=1,
        dtype="uint16", nodata=0, crs=f"EPSG:{epsg or grid.epsg}",
        transform=Affine(metres, 0, grid.left, 0, -metres, grid.top),
    ) as target:  # fmt: skip
        target.write(stored, 1)
    rasterio.shutil.copy(
        draft, path, driver="COG", compress="DEFLATE", blocksize=block, predictor="STANDARD"
    )
    draft.unlink()


def earth_search_c1(published: Published, files: Files, *, offset: float = -0.1) -> dict[str, Any]:
    """As Earth Search's sentinel-2-c1-l2a."""
    assets = {
        band: {
            "href": files.href(band),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "eo:bands": [{"name": NUMBERS[band], "common_name": band}],
            "gsd": METRES[band],
            "raster:bands": [
                {"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": offset}
            ],
            "roles": ["data", "reflectance"],
            **files.described(band),
        }
        for band in files.paths
    }
    item_id = f"{published.platform}_T{published.tile}_{published.datastrip}_L2A"
    return _item("sentinel-2-c1-l2a", item_id, published, assets, _earth_search(published))


def earth_search_l2a(
    published: Published, files: Files, *, applied: bool, offset: float = -0.1
) -> dict[str, Any]:
    """As Earth Search's sentinel-2-l2a, with its JPEG 2000 twins that nobody may read for free."""
    assets: dict[str, Any] = {}
    for band in files.paths:
        known = {
            "eo:bands": [{"name": band, "common_name": band}],
            "gsd": METRES[band],
            "raster:bands": [
                {"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": offset}
            ],
            "roles": ["data", "reflectance"],
        }
        assets[band] = {
            **known,
            "href": files.href(band),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "proj:shape": files.described(band)["proj:shape"],
            "proj:transform": files.described(band)["proj:transform"],
        }
        assets[f"{band}-jp2"] = {
            **known,
            "href": f"s3://sentinel-s2-l2a/tiles/{NUMBERS[band]}.jp2",
            "type": "image/jp2",
        }
    day = published.datatake[:8]
    item_id = f"{published.platform}_{published.tile}_{day}_{published.sequence}_L2A"
    told = {
        **_earth_search(published),
        "earthsearch:boa_offset_applied": applied,
        "s2:sequence": str(published.sequence),
    }
    return _item("sentinel-2-l2a", item_id, published, assets, told)


def planetary_computer(published: Published, files: Files) -> dict[str, Any]:
    """As Planetary Computer's sentinel-2-l2a."""
    assets = {
        NUMBERS[band]: {
            "href": files.href(band),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "eo:bands": [{"name": NUMBERS[band], "common_name": _common(band)}],
            "gsd": METRES[band],
            "proj:shape": files.described(band)["proj:shape"],
            "proj:transform": files.described(band)["proj:transform"],
            "roles": ["data"],
        }
        for band in files.paths
    }
    told = {
        "platform": f"Sentinel-2{published.platform[-1]}",
        "proj:epsg": published.grid.epsg,
        "s2:mgrs_tile": published.tile,
        "s2:product_uri": f"{published.product}.SAFE",
        "s2:generation_time": _iso(published.generated),
        "s2:processing_baseline": published.baseline,
        "s2:datatake_id": _datatake(published),
        "s2:datastrip_id": _datastrip(published),
        "sat:relative_orbit": published.orbit,
    }
    item_id = (
        f"{published.platform}_MSIL2A_{published.datatake}_R{published.orbit:03}"
        f"_T{published.tile}_{published.generated}"
    )
    return _item("sentinel-2-l2a", item_id, published, assets, told)


def copernicus(published: Published, files: Files, bucket: str) -> dict[str, Any]:
    """As Copernicus Data Space's sentinel-2-l2a; hrefs lie in `bucket`, below the product."""
    assets = {
        f"{NUMBERS[band]}_{METRES[band]}m": {
            "href": f"s3://{bucket}/{published.product}/{NUMBERS[band]}.tif",
            "type": "image/jp2",
            "bands": [{"name": NUMBERS[band], "eo:common_name": _common(band)}],
            "data_type": "uint16",
            "nodata": 0,
            "raster:scale": 0.0001,
            "raster:offset": -0.1,
            "gsd": METRES[band],
            "roles": ["data", "reflectance"],
            "proj:code": f"EPSG:{published.grid.epsg}",
            **files.described(band),
        }
        for band in files.paths
    }
    told = {
        "platform": f"sentinel-2{published.platform[-1].lower()}",
        "grid:code": f"MGRS-{published.tile}",
        "processing:version": published.baseline,
        "processing:datetime": _iso(published.generated),
        "processing:level": "L2",
        "product:type": "S2MSI2A",
        "eopf:datatake_id": _datatake(published),
        "eopf:datastrip_id": _datastrip(published),
        "sat:relative_orbit": published.orbit,
    }
    return _item("sentinel-2-l2a", published.product, published, assets, told)


def _earth_search(published: Published) -> dict[str, Any]:
    return {
        "platform": f"sentinel-2{published.platform[-1].lower()}",
        "proj:code": f"EPSG:{published.grid.epsg}",
        "grid:code": f"MGRS-{published.tile}",
        "s2:product_uri": f"{published.product}.SAFE",
        "s2:product_type": "S2MSI2A",
        "s2:generation_time": _iso(published.generated),
        "s2:processing_baseline": published.baseline,
        "s2:datatake_id": _datatake(published),
        "s2:datastrip_id": _datastrip(published),
    }


def _item(
    collection: str,
    item_id: str,
    published: Published,
    assets: dict[str, Any],
    told: dict[str, Any],
) -> dict[str, Any]:
    footprint = published.footprint
    west, south, east, north = (
        min(x for x, _ in footprint["coordinates"][0]),
        min(y for _, y in footprint["coordinates"][0]),
        max(x for x, _ in footprint["coordinates"][0]),
        max(y for _, y in footprint["coordinates"][0]),
    )
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": item_id,
        "collection": collection,
        "geometry": footprint,
        "bbox": [west, south, east, north],
        "properties": {
            "datetime": published.sensed_at.isoformat().replace("+00:00", "Z"),
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "eo:cloud_cover": published.cloud_cover,
            **told,
        },
        "assets": assets,
        "links": [],
    }


def _datatake(published: Published) -> str:
    return f"G{published.platform}_{published.datatake}_041234_N{published.baseline}"


def _datastrip(published: Published) -> str:
    return (
        f"{published.platform}_OPER_MSI_L2A_DS_{published.station}_{published.generated}"
        f"_S{published.datastrip}_N{published.baseline}"
    )


def _common(band: str) -> str:
    """Names that the eo extension had before it knew four red edges apart."""
    return "rededge" if band.startswith("rededge") or band == "nir08" else band


def _iso(stamp: str) -> str:
    return datetime.strptime(stamp, "%Y%m%dT%H%M%S").replace(tzinfo=UTC).isoformat()
