"""The shipped networks on the real images of 2016, which nothing was trained on."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.warp import transform_bounds

from tulip_ops.ml.evaluation import metrics
from tulip_ops.ml.inference import model_registry, predictors
from tulip_ops.pipeline import area_masks
from tulip_ops.raster import reader
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.mgrs import tile_grid

RGB = ("red", "green", "blue")
TILE = "31UFU"


def image(path: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Reflectance of one TRUE_COLOR rendering on the tile's grid, and its tulip parcels."""
    with rasterio.open(path) as source:
        bounds = transform_bounds(source.crs, "EPSG:32631", *source.bounds)
    grid = tile_grid(TILE).window(bounds)
    scale = radiometry.true_color_scale(2.5)
    reflectance = reader.read_warped([(str(path), band) for band in (1, 2, 3)], grid, scale=scale)
    (parcels,) = path.parent.glob(f"{path.name.split('_wms_')[0]}_geopedia*.tif")
    return reflectance, reader.read_warped([(str(parcels), 1)], grid)[0] > 127


@pytest.fixture(scope="module")
def images(real_data: Path) -> dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    paths = sorted((real_data / "noordoostpolder_2016").glob("*TRUE_COLOR.tif"))
    assert len(paths) == 7
    return {" ".join(reversed(path.stem.split("_wms_"))): image(path) for path in paths}


def test_clouds_are_told_from_clear_ground(
    repository: Path, images: dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
) -> None:
    card = model_registry.choose(repository / "models", "cloud-filter", "auto", RGB)
    network = predictors.load_cloud_filter(card, 1)

    for name, (reflectance, _) in images.items():
        cloudy = name.startswith("20160501")
        cloud = network.cloud_probability(reflectance, RGB)
        clear = area_masks.clear(cloud, card.threshold)
        share = np.count_nonzero(clear) / np.count_nonzero(np.isfinite(cloud))
        (chip,), _ = network.chip_probability(reflectance, RGB)
        assert share < 0.9 if cloudy else share > 0.99, (name, share)
        assert (chip >= card.chip_threshold) == cloudy, (name, chip)


def test_tulips_are_found_in_bloom(
    repository: Path, images: dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
) -> None:
    card = model_registry.choose(repository / "models", "unet", "auto", RGB)
    network = predictors.load_unet(card, 1)

    for name, (reflectance, parcels) in images.items():
        if name.startswith(("20160508", "20160511")):
            tulip, _ = network.tulip_probability(reflectance, RGB)
            found = metrics.iou(metrics.tally([(tulip, parcels)]).at(card.threshold))[0]
            assert found > 0.55, (name, found)
