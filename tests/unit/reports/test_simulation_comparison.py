"""`tulip simulate --compare`: real images beside simulated ones."""

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from tulip_ops.cli.main import main
from tulip_ops.core.errors import BadScene
from tulip_ops.raster.grid import Grid
from tulip_ops.reports import simulation_comparison
from tulip_ops.simulate import Weather

image = pytest.importorskip("matplotlib.image", reason="pictures are an optional extra")


def rendering(path: Path, *, bands: int = 3) -> Path:
    """A true-colour image of 90 x 80 pixels of 6 m, each three pixels wide the same."""
    levels = np.random.default_rng(1).integers(30, 160, (bands, 30, 80), dtype=np.uint8)
    profile = {"driver": "GTiff", "count": bands, "height": 90, "width": 80, "dtype": "uint8"}
    place = Grid(32631, 677_600.0, 5_850_240.0, 80, 90, 6.0).transform
    with rasterio.open(path, "w", **profile, crs="EPSG:32631", transform=place) as target:
        target.write(levels.repeat(3, axis=1))
    return path


def test_the_command_writes_a_picture_and_a_page_and_no_archive(tmp_path: Path) -> None:
    real, out = tmp_path / "real", tmp_path / "out"
    real.mkdir()
    rendering(real / "a_wms_20160508-104027_TRUE_COLOR.tif")
    rendering(real / "b_wms_20160421-105029_TRUE_COLOR.tif")
    rendering(real / "a_mask.tif", bands=1)
    done = CliRunner().invoke(
        main, ["simulate", "--compare", str(real), "--out", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in out.iterdir()) == [
        simulation_comparison.PAGE,
        simulation_comparison.PICTURE,
    ]
    page = (out / simulation_comparison.PAGE).read_text()
    headings = re.findall(r"<tr><th>(.*?)</th>", page)[1:]
    assert headings == [
        "real, b_wms_20160421-105029_TRUE_COLOR.tif",
        "simulated, 2016-04-21",
        "real, a_wms_20160508-104027_TRUE_COLOR.tif",
        "simulated, 2016-05-08",
    ]
    picture = image.imread(out / simulation_comparison.PICTURE)
    assert picture.shape[0] > 900
    assert picture[..., :3].std() > 0.05


def test_it_wants_a_folder_for_what_it_writes(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["simulate", "--compare", str(tmp_path)])
    assert done.exit_code == 2
    assert "--out" in done.output


def test_a_folder_without_true_colour_is_refused(tmp_path: Path) -> None:
    rendering(tmp_path / "mask_20160508.tif", bands=1)
    with pytest.raises(BadScene, match="no GeoTIFF of three bands"):
        simulation_comparison.compare(tmp_path, tmp_path / "out")


def test_a_simulated_image_has_the_day_the_size_and_the_pixels_of_the_real_one(
    tmp_path: Path,
) -> None:
    rendering(tmp_path / "a_wms_20160508-104027_TRUE_COLOR.tif")
    (real,) = simulation_comparison.read_renderings(tmp_path)
    assert real.pixel == pytest.approx(6, rel=0.01)
    clear, again, cloudy = (
        simulation_comparison.simulated(real, weather, 4)
        for weather in (Weather.CLEAR, Weather.CLEAR, Weather.SCATTERED)
    )
    assert clear.shape == real.levels.shape
    assert 0 <= clear.min() < clear.max() <= 255
    assert np.array_equal(clear, again)
    assert not np.array_equal(clear, cloudy)


def test_resampling_keeps_what_is_smooth() -> None:
    slope = np.linspace(0, 1, 40, dtype=np.float32)[None, None, :].repeat(20, axis=1)
    wide = simulation_comparison.resample(slope, 33, 64)
    assert wide.shape == (1, 33, 64)
    places = (np.arange(64) + 0.5) * 40 / 64 - 0.5
    within = slice(4, -4)
    assert np.allclose(wide[0, :, within], (places / 39)[within], atol=1e-5)
    assert np.allclose(
        simulation_comparison.resample(np.ones((2, 9, 7), np.float32), 13, 5), 1, atol=1e-6
    )


def test_figures_tell_a_smooth_image_from_a_rough_one() -> None:
    random = np.random.default_rng(0)
    smooth = np.full((3, 64, 64), 90, np.float32) + random.normal(0, 0.5, (3, 64, 64))
    rough = smooth + random.normal(0, 9, (3, 64, 64))
    smooth[0] *= 1.6
    one, other = (
        simulation_comparison.figures(levels.astype(np.float32)) for levels in (smooth, rough)
    )
    assert one["median R, G, B"] == "144, 90, 90"
    assert one["R/G > 1.4, %"] == "100.0"
    name = next(name for name in one if name.startswith("step"))
    assert float(one[name].split(",")[0]) < float(other[name].split(",")[0])
    assert (
        simulation_comparison.power(rough[1]).min()
        > simulation_comparison.power(smooth[1]).min() + 1
    )
