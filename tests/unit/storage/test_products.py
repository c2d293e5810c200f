from dataclasses import replace
from typing import get_args

import pytest

from tulip_ops.storage.acquisition_products import ProductName
from tulip_ops.storage.products import CLOUD, PRODUCTS, TULIP, Product, by_key


def test_stores_of_users_have_these_files_and_assets() -> None:
    cog = "image/tiff; application=geotiff; profile=cloud-optimized"
    found = {key: (one.name, one.title, one.media_type) for key, one in PRODUCTS.items()}
    assert found == {
        "reflectance": ("reflectance.tif", "Surface reflectance", cog),
        "cloud": ("cloud.tif", "Cloud probability", cog),
        "tulip": ("tulip.tif", "Probability of tulips and of tulips in flower", cog),
        "detections": (
            "detections.parquet", "Detected tulip fields", "application/vnd.apache.parquet",
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    "double",
    [replace(CLOUD, name="tulip.parquet", key="tulip"), replace(CLOUD, name="tulip.tif"), TULIP],
    ids=["key", "name", "both"],
)
def test_two_products_never_share_a_key_or_a_file(double: Product) -> None:
    with pytest.raises(ValueError, match="share a key or a file name"):
        by_key(TULIP, double)


def test_the_python_api_offers_every_product() -> None:
    assert get_args(ProductName) == tuple(PRODUCTS)
