"""How much is asked for when a small area of a whole tile is read."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.windows import Window
from shapely.geometry import MultiPolygon, box

from tests.services import providers
from tests.services.nginx import Nginx
from tests.services.providers import METRES, NUMBERS
from tests.services.stac_api import StacServer
from tulip_ops.core.types import BANDS, AcquisitionId, Area
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.read_cache import MemoryReadCache
from tulip_ops.sources.stac.providers import BUILT_IN
from tulip_ops.sources.stac.source import StacSource

TILE = tile_grid("31UFU")
KILOMETRES = 10
COLLECTION = "sentinel-2-c1-l2a"
BLOCKS = {10: 1024, 20: 512}
"""As Earth Search has them."""
FILLED = range(3, 8)
"""Blocks of a row and of a column that hold pixels; the rest of the file is sparse."""


@dataclass(frozen=True)
class Tile:
    folder: Path
    url: str

    def files(self) -> providers.Files:
        return providers.Files(
            self.url, {band: self.folder / f"{NUMBERS[band]}.tif" for band in BANDS}
        )

    def holds(self, grid: Grid) -> int:
        """Bytes of the blocks that the grid covers, of all bands."""
        return sum(self.band_holds(band, grid) for band in BANDS)

    def band_holds(self, band: str, grid: Grid) -> int:
        block, metres = BLOCKS[METRES[band]], METRES[band]
        left, bottom, right, top = grid.bounds
        columns = range(
            int((left - TILE.left) / metres // block),
            int(-((right - TILE.left) / metres // -block)),
        )
        rows = range(
            int((TILE.top - top) / metres // block), int(-((TILE.top - bottom) / metres // -block))
        )
        with rasterio.open(self.folder / f"{NUMBERS[band]}.tif") as source:
            return sum(
                int(source.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=1))
                for row in rows
                for column in columns
            )


@pytest.fixture(scope="module")
def tile(web_server: Nginx) -> Tile:
    """A whole tile: two files, which stand for all bands of their resolution."""
    folder = web_server.root / "tile"
    folder.mkdir()
    made = {}
    for metres, block in BLOCKS.items():
        made[metres] = folder / f"{metres}.tif"
        write_tile(made[metres], metres, block)
    for band in BANDS:
        (folder / f"{NUMBERS[band]}.tif").hardlink_to(made[METRES[band]])
    return Tile(folder, f"{web_server.url}/tile")


def write_tile(path: Path, metres: int, block: int) -> None:
    """Noise that compresses as badly as images do; headers and overviews of a whole tile."""
    size, draft = 109800 // metres, path.with_suffix(".draft")
    random = np.random.default_rng(1)
    with rasterio.open(
        draft, "w", driver="GTiff", width=size, height=size, count=1, dtype="uint16", nodata=0,
        crs=f"EPSG:{TILE.epsg}", transform=Affine(metres, 0, TILE.left, 0, -metres, TILE.top),
        tiled=True, blockxsize=block, blockysize=block, SPARSE_OK=True,
    ) as target:  # fmt: skip
        for row in FILLED:
            for column in FILLED:
                pixels = random.normal(1800, 120, (block, block)).astype(np.uint16)
                target.write(pixels, 1, window=Window(column * block, row * block, block, block))
    rasterio.shutil.copy(
        draft, path, driver="COG", compress="DEFLATE", blocksize=block, level=1, SPARSE_OK="YES",
        overview_resampling="nearest",
    )  # fmt: skip
    draft.unlink()


@pytest.mark.parametrize(("column", "row"), [(3300, 3500), (4090, 3700), (4000, 4200)])
def test_little_more_is_read_than_the_covered_blocks_hold(
    stac_server: StacServer, web_server: Nginx, tile: Tile, column: int, row: int
) -> None:
    size = KILOMETRES * 100
    grid = replace(
        TILE, left=TILE.left + column * 10, top=TILE.top - row * 10, width=size, height=size
    )
    published = providers.Published(grid, {"red": np.ones((size, size), np.float32)})
    files = providers.Files(
        tile.url, {band: tile.folder / f"{NUMBERS[band]}.tif" for band in BANDS}
    )
    stac_server.put_collection(COLLECTION)
    stac_server.put_items([providers.earth_search_c1(published, files)])
    source = StacSource(
        "earth-search", BUILT_IN["earth-search"].model_copy(update={"url": stac_server.url})
    )
    ground = project(box(*grid.bounds), grid.epsg, WGS84)
    [acquisition] = source.search(
        [Area("polder", MultiPolygon([ground]))], date(2026, 4, 1), date(2026, 4, 30)
    )
    assert acquisition.id == AcquisitionId.parse("S2B_31UFU_20260420_0_L2A")
    web_server.forget()
    values, _ = source.read(acquisition, grid, MemoryReadCache())
    asked = [one for one in web_server.asked() if one.path.endswith(".tif")]
    assert np.isfinite(values).all()
    assert {one.method for one in asked} == {"GET"}
    assert {one.status for one in asked} == {206}
    read, held = sum(one.body for one in asked), tile.holds(grid)
    print(f"{read / 1e6:.1f} MB for {held / 1e6:.1f} MB in {len(asked)} requests")
    assert held < read < 1.3 * held
    # a header, and one range for each row of blocks
    assert len(asked) <= len(BANDS) * (1 + 3)


def test_a_strip_takes_no_block_of_its_neighbour_again(
    stac_server: StacServer, web_server: Nginx, tile: Tile
) -> None:
    whole = replace(
        TILE, left=TILE.left + 4096 * 10, top=TILE.top - 4096 * 10, width=1024, height=3072
    )
    published = providers.Published(whole, {"red": np.ones((3072, 1024), np.float32)})
    files = providers.Files(
        tile.url, {band: tile.folder / f"{NUMBERS[band]}.tif" for band in BANDS}
    )
    stac_server.put_collection(COLLECTION)
    stac_server.put_items([providers.earth_search_c1(published, files)])
    source = StacSource(
        "earth-search", BUILT_IN["earth-search"].model_copy(update={"url": stac_server.url})
    )
    acquisition = source.find(AcquisitionId.parse("S2B_31UFU_20260420_0_L2A"))
    assert acquisition is not None
    web_server.forget()
    for strip in whole.strips(1024 * 1024):
        source.read(acquisition, strip, MemoryReadCache())
    asked = [one for one in web_server.asked() if one.path.endswith(".tif")]
    # bilinear interpolation needs a pixel of the blocks around
    around = replace(whole, left=whole.left - 20, top=whole.top + 20, width=1028, height=3076)
    fine = sum(tile.band_holds(band, whole) for band in BANDS if METRES[band] == 10)
    coarse = sum(tile.band_holds(band, around) for band in BANDS if METRES[band] == 20)
    assert sum(one.body for one in asked) < 1.05 * (fine + coarse)
