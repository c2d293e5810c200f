"""What the steps say of products that they cannot use."""

from pathlib import Path

import pytest

from tests.unit.counting import ID, CountingSource
from tests.unit.pipeline.test_area_masks import AREA
from tulip_ops.core.errors import ProductMissing
from tulip_ops.core.settings import Settings
from tulip_ops.pipeline import area_masks
from tulip_ops.pipeline.context import StepContext
from tulip_ops.pipeline.vectorize import vectorize
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import TULIP


def test_a_tulip_raster_of_an_earlier_release_is_to_be_made_again(tmp_path: Path) -> None:
    acquisition = CountingSource(tmp_path / "asked").acquisition
    grid = area_masks.read_grid(acquisition, [AREA])
    assert grid is not None
    store = ProductStore(str(tmp_path / "store"))
    store.start_item(ID, stac_items.product_item(acquisition, grid, ("red",)))
    with store.writing(ID, TULIP) as path:
        path.write_bytes(b"a raster")
        fields = {"tulip:threshold": 0.3, "tulip:bloom_threshold": 0.3}
        store.publish(ID, TULIP, path, recipe="r", fields=fields)

    with pytest.raises(ProductMissing, match=f"repeat `tulip segment {ID}`"):
        vectorize(StepContext(acquisition, [AREA], store, Settings(), "test"))
