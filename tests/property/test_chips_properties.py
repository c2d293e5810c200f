import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tulip_ops import chips

sizes = st.integers(1, 90)


@st.composite
def plans(draw: st.DrawFn) -> chips.Plan:
    align = draw(st.sampled_from([1, 2, 4, 8]))
    size = align * draw(st.integers(1, 6))
    step = align * draw(st.integers(1, size // align))
    return chips.plan(draw(sizes), draw(sizes), size, step, align=align, shrink=draw(st.booleans()))


@given(plans(), st.none() | st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_stitching_what_was_cut_gives_it_back(
    plan: chips.Plan, margin: int | None, seed: int
) -> None:
    shape = (2, plan.height, plan.width)
    raster = np.random.default_rng(seed).random(shape, dtype=np.float32)

    stitched = chips.stitch(chips.cut(raster, plan), plan, margin=margin)

    assert stitched.dtype == np.float32
    np.testing.assert_allclose(stitched, raster, atol=1e-6)


@given(plans())
def test_a_plan_covers_everything_and_leaves_nothing(plan: chips.Plan) -> None:
    covered = np.zeros((plan.padded_height, plan.padded_width), dtype=bool)
    for row, column in plan.origins:
        here = covered[row : row + plan.chip_height, column : column + plan.chip_width]
        assert here.shape == (plan.chip_height, plan.chip_width)
        here[:] = True

    assert covered.all()
    assert plan.padded_height >= plan.height
    assert plan.padded_width >= plan.width


@given(plans())
def test_padding_invents_no_value(plan: chips.Plan) -> None:
    raster = np.arange(plan.height * plan.width).reshape(1, plan.height, plan.width)

    padded = chips.pad(raster, plan)

    assert (padded[:, : plan.height, : plan.width] == raster).all()
    assert set(np.unique(padded)) == set(np.unique(raster))
