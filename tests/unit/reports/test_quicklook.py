import sys
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.types import Field, SeasonVerdict
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.projection import project
from tulip_ops.reports.quicklook import acquisition_picture, season_picture

image = pytest.importorskip("matplotlib.image", reason="pictures are an optional extra")

GRID = Grid(32631, 660_000.0, 5_840_040.0, 80, 60)
FIELD = Polygon(
    box(660_100, 5_839_600, 660_400, 5_839_900).exterior,
    [box(660_200, 5_839_700, 660_300, 5_839_800).exterior],
)


def draw(path: Path, grid: Grid = GRID, *, simulated: bool = False, **changes) -> np.ndarray:
    """The picture as (height, width, 4) in [0, 1]."""
    layers = {
        "rgb": np.full((3, *grid.shape), 0.1, np.float32),
        "cloud": np.full(grid.shape, 0.1, np.float32),
        "tulip": np.full((2, *grid.shape), 0.2, np.float32),
        "polygons": [FIELD],
    } | changes
    acquisition_picture(
        path,
        "S2B_31UFU_20260420_0_L2A",
        grid=grid,
        simulated=simulated,
        threshold=0.5,
        **layers,
    )
    return image.imread(path)


def test_four_panels_lie_side_by_side(tmp_path):
    picture = draw(tmp_path / "a.png")
    height, width, _ = picture.shape
    assert 3 < width / height < 5
    middle = picture[height // 2]
    panels = [middle[int(width * (n + 0.75) / 4)] for n in range(4)]
    assert panels[1][2] > panels[1][0]  # little cloud is dark blue in cividis
    assert not np.allclose(panels[1], panels[2], atol=0.05)
    assert np.allclose(panels[0], panels[3], atol=0.05)


def test_what_is_simulated_says_so(tmp_path):
    real, simulated = draw(tmp_path / "a.png"), draw(tmp_path / "b.png", simulated=True)
    changed = np.abs(real - simulated).max(axis=(1, 2)) > 0.1
    assert changed.any()
    assert not changed[len(changed) // 6 :].any()  # in the headline alone


def test_the_field_is_outlined_with_its_hole(tmp_path):
    with_field = draw(tmp_path / "a.png")
    without = draw(tmp_path / "b.png", polygons=[])
    filled = draw(tmp_path / "c.png", polygons=[Polygon(FIELD.exterior)])

    def yellow(picture: np.ndarray) -> int:
        right = picture[40:-80, picture.shape[1] * 3 // 4 :]
        return int(((right[..., 0] > 0.8) & (right[..., 1] > 0.8) & (right[..., 2] < 0.4)).sum())

    assert yellow(without) == 0 < yellow(filled) < yellow(with_field)


def test_an_acquisition_that_came_to_nothing_is_drawn_as_not_seen(tmp_path):
    nothing = np.full(GRID.shape, np.nan, np.float32)
    picture = draw(
        tmp_path / "a.png",
        rgb=np.stack([nothing] * 3),
        cloud=nothing,
        tulip=np.stack([nothing] * 2),
        polygons=[],
    )
    height, width, _ = picture.shape
    panel = picture[height // 3 : height // 2, width // 20 : width // 6, :3]
    assert np.ptp(panel, axis=-1).max() < 0.02  # grey
    assert panel.min() < 0.7 < panel.max()  # and hatched


@pytest.mark.parametrize(
    ("width", "height", "limit"), [(1, 1, 1e6), (300, 20, 1e6), (20, 300, 2e6), (2600, 2400, 3e6)]
)
def test_any_size_of_raster_fits(tmp_path, width, height, limit):
    grid = Grid(32631, 660_000.0, 5_840_040.0, width, height)
    cloud = np.linspace(0, 1, width * height, dtype=np.float32).reshape(grid.shape)
    draw(tmp_path / "a.png", grid, cloud=cloud)
    assert (tmp_path / "a.png").stat().st_size < limit


def test_seasons_side_by_side(tmp_path):
    fields = [
        Field(n, project(box(x, 5_839_600, x + 200, 5_839_900), 32631, 4326), 6e4)
        for n, x in enumerate((660_100, 660_400, 660_700))
    ]
    verdicts = dict(enumerate(SeasonVerdict))
    seasons = {2025: {}, 2026: verdicts}
    season_picture(tmp_path / "s.png", "polder", fields, seasons, simulated=True)
    picture = image.imread(tmp_path / "s.png")
    vermillion = np.abs(picture[..., :3] - np.array([0.835, 0.369, 0.0])).max(axis=-1) < 0.02
    left, right = np.split(vermillion[: len(vermillion) * 3 // 4], 2, axis=1)
    assert not left.any()
    assert right.sum() > 500


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(BadSetting, match=r"tulip_ops\[pictures\]"):
        draw(tmp_path / "a.png")
