from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tulip_ops.core.errors import BadScene
from tulip_ops.raster.header import RasterInfo
from tulip_ops.sources.archive.geotiff_metadata import parse_metadata

ZEROS = (0.0, 0.0, 0.0)
RENDERING = RasterInfo(
    epsg=32631,
    transform=(10.0, 0.0, 680000.0, 0.0, -10.0, 5850000.0),
    shape=(256, 256),
    bounds=(680000.0, 5847440.0, 682560.0, 5850000.0),
    dtype="uint8",
    bands=("", "", ""),
    colors=("red", "green", "blue"),
    indexes=(1, 2, 3),
    scales=(1.0,) * 3,
    offsets=(0.0,) * 3,
    has_alpha=False,
    has_mask=False,
    nodata=None,
    tiff_datetime=None,
)
NAME = "S2A_2016-05-01.tif"


def bands_of(facts: RasterInfo, *bands: str, **given: Any) -> RasterInfo:
    """The same file with other bands, of which only the descriptions say what they are."""
    count = len(bands)
    plain = {
        "bands": bands,
        "colors": ("undefined",) * count,
        "indexes": tuple(range(1, count + 1)),
        "scales": (1.0,) * count,
        "offsets": (0.0,) * count,
    }
    return replace(facts, **(plain | given))


NUMBERS = bands_of(replace(RENDERING, dtype="uint16"), "B04", "B03", "B02", "B08")


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


def test_an_option_says_when() -> None:
    assert found("a.tif", day=date(2016, 5, 2)).sensed_at == datetime(2016, 5, 2, tzinfo=UTC)
    both = found("20160501-105310.tif", day=date(2016, 5, 2))
    assert both.sensed_at == datetime(2016, 5, 2, 10, 53, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", ["a.tif", "91c120160501b.tif", "1234_20169999_x.tif"])
def test_no_day_is_said(name: str) -> None:
    with pytest.raises(BadScene, match="--date"):
        found(name)


@pytest.mark.parametrize(
    "name", ["S2A_export_20170103_of_20160501.tif", "S2A_composite_2016-05-01_2016-05-31.tif"]
)
def test_two_days_need_an_answer(name: str) -> None:
    with pytest.raises(BadScene, match=r"2016-05-01 and .*--date"):
        found(name)
    assert found(name, day=date(2016, 5, 1)).sensed_at.date() == date(2016, 5, 1)


def test_the_day_of_writing_in_a_header_is_no_day_of_sensing() -> None:
    tagged = replace(RENDERING, tiff_datetime="2024:11:03 12:00:00")
    with pytest.raises(BadScene, match=r"2024:11:03 12:00:00.*written.*--date"):
        found("S2A_nodate.tif", tagged)


@pytest.mark.parametrize(
    ("name", "satellite"),
    [
        ("L8_20160501.tif", "Landsat"),
        ("LC08_L1TP_198023_20160501.tif", "Landsat"),
        ("20160501_101010_PSScene_AnalyticMS.tif", "PlanetScope"),
        ("S1A_20160501.tif", "Sentinel-1"),
    ],
)
def test_other_satellites_are_refused_by_name(name: str, satellite: str) -> None:
    with pytest.raises(BadScene, match=f"{satellite} .*--platform"):
        found(name)
    assert found(name, platform="S2A").platform == "S2A"


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
    with pytest.raises(BadScene, match=r"no CRS; .*gdal_edit -a_srs"):
        found(NAME, replace(RENDERING, epsg=None, has_crs=False))
    with pytest.raises(BadScene, match=r"not in the EPSG registry.*gdalwarp"):
        found(NAME, replace(RENDERING, epsg=None))


def test_a_place_is_needed() -> None:
    nowhere = replace(RENDERING, has_geotransform=False)
    with pytest.raises(BadScene, match=r"EPSG:32631, but no geotransform.*-a_ullr"):
        found(NAME, nowhere)
    bare = replace(nowhere, epsg=None, has_crs=False)
    with pytest.raises(BadScene, match=r"no CRS, and no geotransform.*-a_srs.*-a_ullr"):
        found(NAME, bare)
    with pytest.raises(BadScene, match=r"4 ground control points \(no CRS\).*gdalwarp -s_srs"):
        found(NAME, replace(bare, control_points=4))
    with pytest.raises(BadScene, match=r"\(EPSG:4326\).*gdalwarp -t_srs"):
        found(NAME, replace(bare, control_points=4, control_epsg=4326))


def test_eight_bits_of_three_colours_are_a_rendering() -> None:
    pixels = found(NAME, stretch=2.0).pixels
    assert (pixels.bands, pixels.offsets, pixels.nodata) == (("red", "green", "blue"), ZEROS, None)
    assert pixels.scales[0] * 255 == pytest.approx(0.5)
    assert found(NAME, bands=("B02", "B03", "B04")).pixels.bands == ("blue", "green", "red")
    assert found(NAME, nodata=0).pixels.nodata == 0


def test_numbers_are_reflectance() -> None:
    pixels = found(NAME, NUMBERS).pixels
    assert pixels.bands == ("red", "green", "blue", "nir")
    assert (pixels.scales, pixels.offsets, pixels.nodata) == ((1e-4,) * 4, (0.0,) * 4, 0)
    assert found(NAME, NUMBERS, offset=-0.1).pixels.offsets == (-0.1,) * 4
    assert found(NAME, NUMBERS, nodata="none").pixels.nodata is None
    assert found(NAME, replace(NUMBERS, dtype="int16")).pixels.scales == (1e-4,) * 4
    for dtype in ("float32", "float64"):
        pixels = found(NAME, replace(NUMBERS, dtype=dtype)).pixels
        assert (pixels.scales, pixels.offsets, pixels.nodata) == ((1.0,) * 4, (0.0,) * 4, None)
    percent = found(NAME, replace(NUMBERS, dtype="float32"), scale=0.01).pixels
    assert percent.scales == (0.01,) * 4


def test_each_band_has_its_own_scale_and_offset() -> None:
    scales, offsets = (1e-4, 1e-4, 1e-4, 2e-4), (0.0, -0.1, -0.1, -0.1)
    described = replace(NUMBERS, scales=scales, offsets=offsets, nodata=65535.0)
    pixels = found(NAME, described).pixels
    assert (pixels.scales, pixels.offsets, pixels.nodata) == (scales, offsets, 65535)
    with pytest.raises(BadScene, match=r"some of its bands only.*--scale"):
        found(NAME, replace(NUMBERS, scales=(1e-4, 1e-4, 1e-4, 1.0)))
    with pytest.raises(BadScene, match=r"an offset .* without a scale: give --offset"):
        found(NAME, replace(NUMBERS, offsets=(-1000.0,) * 4))


@pytest.mark.parametrize(
    ("bands", "colors", "expected"),
    [
        (("B02", "B03", "B04"), ("red", "green", "blue"), ("blue", "green", "red")),
        (("", "", ""), ("blue", "green", "red"), ("blue", "green", "red")),
        (("", "", ""), ("gray", "undefined", "undefined"), ("red", "green", "blue")),
        (("", "", "", ""), ("red", "green", "blue", "nir"), ("red", "green", "blue", "nir")),
        (("B4", "B3", "B2", "B8"), ("gray",) * 4, ("red", "green", "blue", "nir")),
    ],
)
def test_descriptions_then_colours_say_which_band_is_which(
    bands: tuple[str, ...], colors: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert found(NAME, bands_of(RENDERING, *bands, colors=colors)).pixels.bands == expected


def test_a_fourth_band_of_8_bits_must_be_explained() -> None:
    unknown = bands_of(RENDERING, "", "", "", "", colors=("red", "green", "blue", "undefined"))
    with pytest.raises(BadScene, match=r"fourth .* --band nir, --band mask"):
        found(NAME, unknown)
    colours = ("red", "green", "blue")
    assert found(NAME, unknown, bands=(*colours, "nir")).pixels.bands == (*colours, "nir")
    masked = found(NAME, unknown, bands=(*colours, "mask")).pixels
    assert (masked.bands, masked.choice.mask_index) == (colours, 4)
    assert found(NAME, unknown, bands=(*colours, "skip")).pixels.bands == colours


def test_bands_that_no_network_uses_are_left_out_by_name() -> None:
    stack = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
    choice = found(NAME, bands_of(NUMBERS, *stack)).pixels.choice
    assert choice.left_out == ("B01", "B09")
    assert choice.indexes == (2, 3, 4, 5, 6, 7, 8, 9, 11, 12)
    thirteen = found(NAME, bands_of(NUMBERS, *stack[:10], "B10", *stack[10:])).pixels.choice
    assert thirteen.left_out == ("B01", "B09", "B10")
    beside = found(NAME, bands_of(NUMBERS, "B02", "SCL", "B04", "dataMask")).pixels.choice
    assert (beside.names, beside.indexes) == (("blue", "red"), (1, 3))
    assert (beside.left_out, beside.mask_index) == (("SCL",), 4)
    skipped = found(NAME, NUMBERS, bands=("red", "skip", "skip", "nir")).pixels.choice
    assert (skipped.names, skipped.indexes) == (("red", "nir"), (1, 4))
    with pytest.raises(BadScene, match=r"'NDVI'.*--band skip"):
        found(NAME, bands_of(NUMBERS, "B04", "NDVI"))


def test_a_baseline_that_may_carry_an_offset_must_be_explained() -> None:
    name = "S2A_MSIL2A_20240501T105310_N0510_R051_T31UFU_x.tif"
    with pytest.raises(BadScene, match=r"05\.10.*--offset"):
        found(name, NUMBERS)
    assert found(name, NUMBERS, offset=0.0).pixels.offsets == (0.0,) * 4
    assert found(name, NUMBERS, offset=-0.1).pixels.offsets == (-0.1,) * 4


@pytest.mark.parametrize(
    ("facts", "options", "message"),
    [
        (bands_of(RENDERING, ""), {}, "1 band of uint8: that is a mask"),
        (replace(RENDERING, dtype="int32"), {}, "3 bands of int32"),
        (bands_of(RENDERING, ""), {"kind": "true-color"}, "no TRUE_COLOR rendering"),
        (RENDERING, {"kind": "reflectance"}, "3 bands of uint8"),
        (bands_of(NUMBERS, "", ""), {}, "--band"),
        (NUMBERS, {"bands": ("red",)}, "has 4 bands called 'red'"),
        (NUMBERS, {"bands": ("red", "red", "blue", "nir")}, "name each once"),
    ],
)
def test_what_is_no_scene_is_said(facts: RasterInfo, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadScene, match=message):
        found(NAME, facts, **options)
