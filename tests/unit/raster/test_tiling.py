import numpy as np
import pytest

from tulip_ops.raster import tiling


def test_the_last_chip_is_shifted_inward() -> None:
    plan = tiling.plan(150, 300, 128, 64)

    assert plan.rows == (0, 22)
    assert plan.columns == (0, 64, 128, 172)
    assert plan.origins[:3] == [(0, 0), (0, 64), (0, 128)]
    assert len(plan) == 8


def test_a_small_raster_is_reflected_up_to_one_chip() -> None:
    raster = np.arange(6, dtype=np.float32).reshape(1, 2, 3)

    cut = tiling.cut(raster, tiling.plan(2, 3, 4, 2))

    assert cut.shape == (1, 1, 4, 4)
    assert cut[0, 0].tolist() == [[0, 1, 2, 1], [3, 4, 5, 4], [0, 1, 2, 1], [3, 4, 5, 4]]


def test_one_pixel_fills_a_chip() -> None:
    cut = tiling.cut(np.full((2, 1, 1), 7, dtype=np.uint16), tiling.plan(1, 1, 16, 8))

    assert cut.shape == (1, 2, 16, 16)
    assert cut.dtype == np.uint16
    assert (cut == 7).all()


def test_alignment_keeps_every_origin_on_the_pooling_grid() -> None:
    plan = tiling.plan(150, 700, 512, 320, align=16, shrink=True)

    assert (plan.padded_height, plan.padded_width) == (160, 704)
    assert (plan.chip_height, plan.chip_width) == (160, 512)
    assert plan.rows == (0,)
    assert plan.columns == (0, 192)


def test_inside_the_margin_a_window_does_not_count_where_another_reaches() -> None:
    plan = tiling.plan(8, 14, 8, 2)
    windows = np.zeros((len(plan), 1, 8, 8), dtype=np.float32)
    windows[..., :3] = windows[..., -3:] = 1000  # a margin of 3 is wrong on either side
    windows[0, ..., :3] = 0  # but the raster's own border is right
    windows[-1, ..., -3:] = 0

    assert np.abs(tiling.stitch(windows, plan, margin=3)).max() < 0.01


@pytest.mark.parametrize(
    ("size", "step", "align"), [(8, 9, 1), (0, 1, 1), (10, 5, 4), (8, 6, 4), (8, 4, 0)]
)
def test_impossible_plans_are_refused(size: int, step: int, align: int) -> None:
    with pytest.raises(ValueError, match="cannot plan chips"):
        tiling.plan(10, 10, size, step, align=align)


def test_a_coarser_plan_has_the_same_chips() -> None:
    plan = tiling.plan(100, 70, 64, 32, align=32)

    coarse = tiling.coarsen(plan, 16)

    assert coarse.origins == [(row // 16, column // 16) for row, column in plan.origins]
    assert (coarse.height, coarse.width) == (7, 5)
    assert (coarse.chip_height, coarse.padded_width) == (4, plan.padded_width // 16)
    with pytest.raises(ValueError, match="do not fit 48"):
        tiling.coarsen(plan, 48)
