import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tulip_ops.raster import tiling

sizes = st.integers(1, 90)


@st.composite
def plans(draw: st.DrawFn) -> tiling.TilingPlan:
    align = draw(st.sampled_from([1, 2, 4, 8]))
    size = align * draw(st.integers(1, 6))
    step = align * draw(st.integers(1, size // align))
    return tiling.plan(
        draw(sizes), draw(sizes), size, step, align=align, shrink=draw(st.booleans())
    )


@st.composite
def plans_with_alignment(draw: st.DrawFn) -> tuple[tiling.TilingPlan, int]:
    align = draw(st.sampled_from([1, 2, 4, 8]))
    size = align * draw(st.integers(2, 6))  # windows of networks are wider than what they pool
    step = align * draw(st.integers(1, size // align))
    plan = tiling.plan(
        draw(sizes), draw(sizes), size, step, align=align, shrink=draw(st.booleans())
    )
    return plan, align


@given(plans(), st.none() | st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_stitching_what_was_cut_gives_it_back(
    plan: tiling.TilingPlan, margin: int | None, seed: int
) -> None:
    shape = (2, plan.height, plan.width)
    raster = np.random.default_rng(seed).random(shape, dtype=np.float32)

    stitched = tiling.stitch(tiling.cut(raster, plan), plan, margin=margin)

    assert stitched.dtype == np.float32
    np.testing.assert_allclose(stitched, raster, atol=1e-6)


@given(plans())
def test_a_plan_covers_everything_and_leaves_nothing(plan: tiling.TilingPlan) -> None:
    covered = np.zeros((plan.padded_height, plan.padded_width), dtype=bool)
    for row, column in plan.origins:
        here = covered[row : row + plan.chip_height, column : column + plan.chip_width]
        assert here.shape == (plan.chip_height, plan.chip_width)
        here[:] = True

    assert covered.all()
    assert plan.padded_height >= plan.height
    assert plan.padded_width >= plan.width


@given(plans())
def test_padding_invents_no_value(plan: tiling.TilingPlan) -> None:
    raster = np.arange(plan.height * plan.width).reshape(1, plan.height, plan.width)

    padded = tiling.pad(raster, plan)

    assert (padded[:, : plan.height, : plan.width] == raster).all()
    assert set(np.unique(padded)) == set(np.unique(raster))


@given(plans_with_alignment())
def test_every_pixel_belongs_to_the_window_that_sees_most_around_it(
    drawn: tuple[tiling.TilingPlan, int],
) -> None:
    plan, align = drawn
    owned = np.zeros((plan.height, plan.width), dtype=int)
    for window in tiling.windows(plan, align=align):
        owned[window.owns] += 1
        read = np.zeros((plan.height, plan.width), dtype=bool)
        read[window.reads] = True
        assert read[window.owns].all()

    assert (owned == 1).all()


@given(plans_with_alignment())
def test_windows_filled_one_by_one_are_the_chips_that_cutting_gives(
    drawn: tuple[tiling.TilingPlan, int],
) -> None:
    plan, align = drawn
    raster = np.arange(plan.height * plan.width).reshape(1, plan.height, plan.width)

    for window, chip in zip(
        tiling.windows(plan, align=align), tiling.cut(raster, plan), strict=True
    ):
        filled = tiling.pad_window(raster[:, *window.reads], plan)
        assert filled.shape == chip.shape
        owned = chip[:, *window.core]
        np.testing.assert_array_equal(owned, raster[:, *window.owns])
        if min(plan.height - window.rows[0], plan.width - window.columns[0]) > align:
            np.testing.assert_array_equal(filled, chip)
