"""Invariants of simulated truth, whatever the seed, the day and the sky."""

from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tulip_ops.simulate import Sky, Weather, make_polder, make_scene
from tulip_ops.simulate.crops import Crop
from tulip_ops.simulate.sky import form

SEEDS = st.integers(0, 2**32 - 1)
DAYS = st.integers(0, 200).map(lambda days: date(2024, 2, 1) + timedelta(days=days))
KINDS = st.sampled_from(list(Weather))
SLIVERS = 0.02
"""Share in flower below which it may be that of strips too narrow to own a pixel: they shine into
those of others, and do not count for the dates."""


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
    # what nobody could see is none: edges of clouds and of shadows are left out
    hidden = truth.shadow[truth.shadow > 0]
    assert not hidden.size or hidden.min() >= 0.0199
    if kind in (Weather.SCATTERED, Weather.BROKEN):
        hidden = truth.cloud[truth.cloud > 0]
        assert not hidden.size or hidden.min() >= 0.0197
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


@settings(max_examples=8)
@given(seed=SEEDS, day=DAYS)
def test_the_same_seeds_make_the_same_bytes(seed: int, day: date) -> None:
    sky = Sky.draw(np.random.default_rng(seed))
    first, second = (
        make_scene(make_polder(seed, 24, 32, [2024]), day, sky=sky, seed=seed) for _ in range(2)
    )
    assert first.reflectance.tobytes() == second.reflectance.tobytes()
    assert first.truth.bloom.tobytes() == second.truth.bloom.tobytes()
    assert first.truth.cloud.tobytes() == second.truth.cloud.tobytes()
    assert first.truth.blooms == second.truth.blooms


@settings(max_examples=15)
@given(seed=SEEDS, day=DAYS)
def test_bloom_dates_agree_with_what_scenes_show(seed: int, day: date) -> None:
    polder = make_polder(seed, 48, 48, [2024])
    truth = make_scene(polder, day, sky=Sky(Weather.CLEAR), seed=0).truth
    tulips = np.flatnonzero(polder.plantings[2024].crop == Crop.TULIP)
    assert set(truth.blooms) <= set(tulips.tolist())
    assert truth.blooms == polder.blooms[2024]
    for bloom in truth.blooms.values():
        assert date(2024, 3, 1) < bloom.onset <= bloom.peak <= bloom.end < date(2024, 7, 1)
    for field in np.unique(truth.fields[truth.bloom > 0]).tolist():
        if truth.bloom[truth.fields == field].mean() < SLIVERS:
            continue
        assert truth.blooms[field].onset <= day <= truth.blooms[field].end


@settings(max_examples=25)
@given(seed=SEEDS, kind=KINDS)
def test_a_sky_covers_about_what_it_says(seed: int, kind: Weather) -> None:
    sky = Sky.draw(np.random.default_rng(seed), kind)
    overhead = form(sky, np.random.default_rng(seed), 40, 56)
    for depth in (overhead.cloud, overhead.cirrus, overhead.haze):
        assert depth.dtype == np.float32
        assert np.isfinite(depth).all()
        assert depth.min() >= 0
    assert 0 < overhead.top.min() <= overhead.top.max() < 1
    if kind is Weather.OVERCAST:
        assert overhead.opacity.min() > 0.3
    if kind is Weather.CLEAR:
        assert not overhead.opacity.any()
