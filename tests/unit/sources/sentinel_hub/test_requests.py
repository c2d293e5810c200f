"""What is sent, and what the service's JavaScript makes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from py_mini_racer import MiniRacer

from tulip_ops.core.types import BANDS
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.grid import Grid
from tulip_ops.sources.sentinel_hub import requests as hub_requests

PRODUCT = "S2B_MSIL2A_20260420T105031_N0511_R051_T31UFU_20260420T145031"
OLDER = "S2B_MSIL2A_20260420T105031_N0509_R051_T31UFU_20260420T130000"
SECOND = "S2B_MSIL2A_20260420T105031_N0511_R051_T31UFU_20260420T150000"
SENSED = datetime(2026, 4, 20, 10, 50, 31, tzinfo=UTC)


@pytest.fixture
def script() -> Iterator[MiniRacer]:
    with MiniRacer() as engine:
        engine.eval(hub_requests.evalscript([PRODUCT, SECOND]))
        yield engine


def test_ten_bands_and_the_data_mask_go_in_and_ten_bands_come_out(script: MiniRacer) -> None:
    setup = script.call("setup")
    [inputs] = setup["input"]
    assert inputs["bands"] == [
        "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12", "dataMask",
    ]  # fmt: skip
    assert inputs["units"] == ["REFLECTANCE"] * len(BANDS) + ["DN"]
    assert setup["output"] == {"bands": len(BANDS), "sampleType": "UINT16"}


@pytest.mark.parametrize(
    "tile",
    [
        {"productId": PRODUCT, "tileOriginalId": "S2B_OPER_MSI_L2A_TL_2BPS_T31UFU_N05.11"},
        {"sentinel2ProductId": f"{PRODUCT}.SAFE", "shId": 7},
        {"dataPath": f"s3://EODATA/Sentinel-2/MSI/L2A/2026/04/20/{PRODUCT}.SAFE", "shId": 7},
    ],
)
def test_the_product_is_found_however_a_deployment_names_it(
    script: MiniRacer, tile: dict[str, Any]
) -> None:
    other = {key: str(value).replace(PRODUCT, OLDER) for key, value in tile.items()}
    chosen = script.call("preProcessScenes", {"scenes": {"tiles": [other, tile]}})
    assert chosen["scenes"]["tiles"] == [tile]


def test_datastrips_come_in_the_order_in_which_they_count(script: MiniRacer) -> None:
    tiles = [{"productId": SECOND}, {"productId": OLDER}, {"productId": PRODUCT}]
    chosen = script.call("preProcessScenes", {"scenes": {"tiles": tiles}})
    assert chosen["scenes"]["tiles"] == [{"productId": PRODUCT}, {"productId": SECOND}]


def test_pixels_come_out_as_radiometry_reads_them(script: MiniRacer) -> None:
    values = [0.0, 0.1234, -0.05, -0.2, 1.5, 0.00004, 0.00006, 0.3, 0.4, 0.5]
    names = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
    sample = {**dict(zip(names, values, strict=True)), "dataMask": 1}
    numbers = script.call("evaluatePixel", [sample])
    decoded = radiometry.decode(np.array(numbers, dtype=np.uint16))
    expected = np.array(values).clip(-0.0999)
    np.testing.assert_allclose(decoded, expected, atol=0.51e-4)
    for samples in ([], [{**sample, "dataMask": 0}]):
        assert script.call("evaluatePixel", samples) == [0] * 10


def test_the_time_range_holds_one_overpass_in_utc() -> None:
    local = SENSED.astimezone(tz=None)
    assert hub_requests.input_data(local)["dataFilter"]["timeRange"] == {
        "from": "2026-04-20T10:49:31Z",
        "to": "2026-04-20T10:51:31Z",
    }
    assert hub_requests.input_data(SENSED)["processing"]["harmonizeValues"] is False


def test_a_map_is_asked_for_in_the_grid_s_own_pixels() -> None:
    grid = Grid(32631, 680000.0, 5850000.0, 256, 200)
    parameters = hub_requests.map_parameters(grid, SENSED, "TRUE_COLOR")
    assert parameters["CRS"] == "EPSG:32631"
    assert parameters["BBOX"] == "680000.0,5848000.0,682560.0,5850000.0"
    assert (parameters["WIDTH"], parameters["HEIGHT"]) == (256, 200)
    assert parameters["TIME"] == "2026-04-20T10:49:31Z/2026-04-20T10:51:31Z"
