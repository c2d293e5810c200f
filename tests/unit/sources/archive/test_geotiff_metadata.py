from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tulip_ops.core.errors import BadScene
from tulip_ops.raster.reader import RasterInfo
from tulip_ops.sources.archive.geotiff_metadata import parse_metadata

RENDERING = RasterInfo(
    epsg=32631,
    transform=(10.0, 0.0, 680000.0, 0.0, -10.0, 5850000.0),
    shape=(256, 256),
    bounds=(680000.0, 5847440.0, 682560.0, 5850000.0),
    dtype="uint8",
    bands=("", "", ""),
    has_alpha=False,
    nodata=None,
    scale=1.0,
    offset=0.0,
    tiff_datetime=None,
)
NUMBERS = replace(RENDERING, dtype="uint16", bands=("B04", "B03", "B02", "B08"))
NAME = "S2A_2016-05-01.tif"


def found(name: str, facts: RasterInfo = RENDERING, **options: Any) -> Any:
    return parse_metadata(Path("/scenes") / name, facts, **options)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("tulip_91c1b440a0f65242_wms_20160501-105310_TRUE_COLOR.tif", (2016, 5, 1, 10, 53, 10)),
        (
            "S2A_MSIL2A_20160501T105310_N0202_R051_T31UFU_20170101T000000.tif",
            (2016, 5, 1, 10, 53, 10),
        ),
        ("field_2016-05-01.tif", (2016, 5, 1)),
        ("S2A_20160501_rgb.tif", (2016, 5, 1)),
    ],
)
def test_names_say_when(name: str, moment: tuple[int, ...]) -> None:
    year, month, day, *clock = moment
    expected = datetime(year, month, day, *clock, tzinfo=UTC)
    assert found(name).sensed_at == expected


def test_a_header_or_an_option_says_when() -> None:
    tagged = replace(RENDERING, tiff_datetime="2016:05:01 10:53:10")
    assert found("a.tif", tagged).sensed_at == datetime(2016, 5, 1, 10, 53, 10, tzinfo=UTC)
    assert found("a.tif", day=date(2016, 5, 2)).sensed_at == datetime(2016, 5, 2, tzinfo=UTC)
    both = found("20160501-105310.tif", day=date(2016, 5, 2))
    assert both.sensed_at == datetime(2016, 5, 2, 10, 53, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", ["a.tif", "91c120160501b.tif", "1234_20169999_x.tif"])
def test_no_day_is_said(name: str) -> None:
    with pytest.raises(BadScene, match="--date"):
        found(name)


def test_the_rest_of_an_id_comes_from_name_place_and_time() -> None:
    assert str(found("x_2016-05-01.tif").id(0)) == "S2A_31UFU_20160501_0_L2A"
    assert str(found("S2B_31UGU_2020-05-01.tif").id(2)) == "S2B_31UGU_20200501_2_L2A"
    product = "S2C_MSIL1C_20250501T105310_N0202_R051_T31UFU_x.tif"
    assert str(found(product).id(0)) == "S2C_31UFU_20250501_0_L1C"
    options = {"platform": "S2D", "tile": "31UGU", "level": "L1C", "day": date(2026, 1, 2)}
    assert str(found("x.tif", **options).id(0)) == "S2D_31UGU_20260102_0_L1C"


def test_after_the_second_launch_the_satellite_must_be_said() -> None:
    with pytest.raises(BadScene, match="--platform"):
        found("x_2017-03-07.tif")
    assert found("x_2017-03-06.tif").platform == "S2A"


def test_a_tile_must_exist() -> None:
    with pytest.raises(BadScene, match="31UZZ"):
        found(NAME, tile="31UZZ")


def test_a_crs_is_needed() -> None:
    with pytest.raises(BadScene, match="no CRS"):
        found(NAME, replace(RENDERING, epsg=None))


def test_eight_bits_of_three_colours_are_a_rendering() -> None:
    pixels = found(NAME, stretch=2.0).pixels
    assert (pixels.bands, pixels.offset, pixels.nodata) == (("red", "green", "blue"), 0.0, None)
    assert pixels.scale * 255 == pytest.approx(0.5)
    assert found(NAME, bands=("B02", "B03", "B04")).pixels.bands == ("blue", "green", "red")
    assert found(NAME, nodata=0).pixels.nodata == 0


def test_numbers_are_reflectance() -> None:
    pixels = found(NAME, NUMBERS).pixels
    assert pixels.bands == ("red", "green", "blue", "nir")
    assert (pixels.scale, pixels.offset, pixels.nodata) == (1e-4, 0.0, 0)
    assert found(NAME, NUMBERS, offset=-0.1).pixels.offset == -0.1
    described = replace(NUMBERS, scale=2e-4, offset=-0.1, nodata=65535.0)
    pixels = found(NAME, described).pixels
    assert (pixels.scale, pixels.offset, pixels.nodata) == (2e-4, -0.1, 65535)
    floats = replace(NUMBERS, dtype="float32")
    pixels = found(NAME, floats).pixels
    assert (pixels.scale, pixels.offset, pixels.nodata) == (1.0, 0.0, None)


def test_a_baseline_that_may_carry_an_offset_must_be_explained() -> None:
    name = "S2A_MSIL2A_20240501T105310_N0510_R051_T31UFU_x.tif"
    with pytest.raises(BadScene, match=r"05\.10.*--offset"):
        found(name, NUMBERS)
    assert found(name, NUMBERS, offset=0.0).pixels.offset == 0.0
    assert found(name, NUMBERS, offset=-0.1).pixels.offset == -0.1


@pytest.mark.parametrize(
    ("facts", "options", "message"),
    [
        (replace(RENDERING, bands=("",)), {}, "1 band of uint8: that is a mask"),
        (replace(RENDERING, dtype="int16"), {}, "3 bands of int16"),
        (replace(RENDERING, bands=("",)), {"kind": "true-color"}, "no TRUE_COLOR rendering"),
        (RENDERING, {"kind": "reflectance"}, "3 bands of uint8"),
        (replace(NUMBERS, bands=("", "")), {}, "--band"),
        (NUMBERS, {"bands": ("red",)}, "has 4 bands called 'red'"),
        (NUMBERS, {"bands": ("red", "red", "blue", "nir")}, "each\n? *once"),
    ],
)
def test_what_is_no_scene_is_said(facts: RasterInfo, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadScene, match=message):
        found(NAME, facts, **options)
