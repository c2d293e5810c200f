import pytest
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.types import Area
from tulip_ops.pipeline import cost_estimate
from tulip_ops.raster.projection import WGS84, project


def test_ten_kilometres_a_side_through_a_season() -> None:
    ground = MultiPolygon([box(680000, 5840000, 690000, 5850000)])
    [cost] = cost_estimate.season_costs(
        [Area("polder", project(ground, 32631, WGS84))], ("03-20", "06-05"), 2.5
    )
    assert cost.width == pytest.approx(1128, abs=1)
    assert cost.height == pytest.approx(1128, abs=1)
    assert cost.looks == 32
    assert cost.look == pytest.approx((1128 / 512) ** 2 * 10 / 3, rel=0.005)
    assert cost.season == pytest.approx(cost.look * 32)
    assert cost.season_true_color == pytest.approx(cost.season * 3 / 10)
