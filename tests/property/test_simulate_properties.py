"""Invariants of simulated truth, whatever the seed, the day and the sky."""

from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tulip_ops.simulate import Sky, Weather, make_polder, make_scene

SEEDS = st.integers(0, 2**32 - 1)
DAYS = st.integers(0, 200).map(lambda days: date(2024, 2, 1) + timedelta(days=days))
KINDS = st.sampled_from(list(Weather))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, day=DAYS, kind=KINDS)
def test_truth_agrees_with_itself_and_with_the_pixels(seed: int, day: date, kind: Weather) -> None:
    polder = make_polder(seed, 48, 64, [2024])
    sky = Sky.draw(np.random.default_rng(seed), kind)
    scene = make_scene(polder, day, sky=sky, seed=seed)
    truth = scene.truth
    measured = np.isfinite(scene.reflectance)
    assert scene.reflectance.shape == (10, 48, 64)
    assert scene.reflectance.dtype == np.float32
    assert np.array_equal(measured.all(axis=0), measured.any(axis=0))
    assert measured.any()
    assert measured.all() or sky.swath_edge > 0
    for share in (truth.bloom, truth.cloud, truth.shadow):
        assert share.dtype == np.float32
        assert share.min() >= 0
        assert share.max() <= 1
    assert not truth.bloom[~truth.tulip].any()
    assert np.array_equal(truth.fields >= 0, truth.tulip)
    assert truth.cloud.any() or not truth.shadow.any()
    assert bool(truth.cloud.any()) == (kind is not Weather.CLEAR) or kind is Weather.SCATTERED


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_a_season_is_the_same_whichever_others_are_asked_for(seed: int) -> None:
    one = make_polder(seed, 24, 24, [2025])
    many = make_polder(seed, 24, 24, [2023, 2024, 2025])
    assert np.array_equal(one.unit, many.unit)
    assert np.array_equal(one.plantings[2025].crop, many.plantings[2025].crop)
    assert np.array_equal(one.plantings[2025].opens, many.plantings[2025].opens)
