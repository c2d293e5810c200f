from pathlib import Path

import numpy as np
import pytest

from tests.unit.geotiffs import geotiff, noise
from tulip_ops.core.errors import UnreadableRaster
from tulip_ops.raster.pixel_survey import survey_pixels


def test_fill_values_are_counted_where_all_bands_have_them(tmp_path: Path) -> None:
    pixels = noise(3, 600, 40).astype(np.uint8)
    pixels[:, :, :10] = 0
    pixels[0, :, 20:] = 255
    survey = survey_pixels(geotiff(tmp_path / "a.tif", pixels), (1, 2, 3), (0.0, 255.0), None)
    assert survey.fills[0.0].share == 0.25
    assert survey.fills[0.0].step_share > 0.9
    assert survey.fills[255.0].share == 0


def test_a_saturated_cloud_has_no_steps(tmp_path: Path) -> None:
    ramp = np.minimum(255, 40 + 5 * np.arange(100))
    pixels = np.broadcast_to(ramp, (3, 50, 100)).astype(np.uint8)
    survey = survey_pixels(geotiff(tmp_path / "a.tif", pixels), (1, 2, 3), (255.0,), None)
    assert survey.fills[255.0].share > 0.5
    assert survey.fills[255.0].step_share == 0


def test_the_usual_range_has_no_missing_pixels(tmp_path: Path) -> None:
    pixels = np.full((2, 40, 50), 0.2, np.float32)
    pixels[0, :15] = np.nan
    pixels[0, 15:20] = -9999
    pixels[1, 30:] = 7
    survey = survey_pixels(geotiff(tmp_path / "a.tif", pixels), (1, 2), (), -9999)
    assert survey.low == pytest.approx((0.2, 0.2))
    assert survey.high == pytest.approx((0.2, 7))


def test_a_truncated_file_is_no_raster(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    geotiff(path, noise(3, 30, 40).astype(np.uint8), compress="deflate")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UnreadableRaster, match=r"a\.tif"):
        survey_pixels(str(path), (1,), (), None)
