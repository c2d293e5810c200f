"""Scenes are whole, repeatable and labelled with what is really there."""

from datetime import date

import numpy as np
import pytest

from tulip_ops import radiometry
from tulip_ops.domain import BANDS
from tulip_ops.simulate import Sky, Weather, make_polder, make_scene, spectra, training_scene
from tulip_ops.simulate.crops import Crop


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = training_scene(11, height=96, width=80), training_scene(11, height=96, width=80)
    assert first.reflectance.tobytes() == second.reflectance.tobytes()
    for name in ("tulip", "bloom", "cloud", "shadow", "fields"):
        assert getattr(first.truth, name).tobytes() == getattr(second.truth, name).tobytes()
    assert first.sensed_at == second.sensed_at


def test_another_seed_gives_another_scene() -> None:
    first, second = training_scene(1, height=64, width=64), training_scene(2, height=64, width=64)
    assert not np.array_equal(first.reflectance, second.reflectance)


def test_reflectance_comes_in_whole_digital_numbers() -> None:
    scene = training_scene(3, height=64, width=64, sky=Sky(Weather.CLEAR))
    numbers = scene.reflectance.astype(np.float64) / 1e-4
    assert np.abs(numbers - np.round(numbers)).max() < 1e-2


def test_tulips_are_whole_parcels_whether_in_flower_or_not() -> None:
    polder = make_polder(5, 200, 200, [2025])
    scene = make_scene(polder, date(2025, 3, 16), sky=Sky(Weather.CLEAR), seed=0)
    tulip_parcels = np.flatnonzero(polder.plantings[2025].crop == Crop.TULIP)
    assert np.array_equal(scene.truth.tulip, np.isin(polder.parcels, tulip_parcels))
    assert scene.truth.tulip.mean() > 0.03
    assert scene.truth.bloom.mean() < 0.01


def test_an_early_spring_blooms_earlier_than_a_late_one() -> None:
    """2021 was extremely late: about 5 % of the tulips flowered on 16 April; 2024 was early."""
    share = {}
    for year in (2021, 2024):
        polders = [make_polder(seed, 160, 160, [year]) for seed in range(8)]
        truths = [
            make_scene(polder, date(year, 4, 16), sky=Sky(Weather.CLEAR), seed=0).truth
            for polder in polders
        ]
        share[year] = sum(t.bloom.sum() for t in truths) / sum(t.tulip.sum() for t in truths)
    assert share[2021] < 0.05
    assert share[2024] > 0.15


def test_bloom_dates_are_known_without_a_scene() -> None:
    """At its peak a field shows flowers; in a late season everything comes later."""
    onset = {}
    for year in (2021, 2024):
        polder = make_polder(3, 128, 128, [year])
        blooms = polder.blooms[year]
        assert len(blooms) >= 5
        field = max(blooms, key=lambda one: int((polder.parcels == one).sum()))
        truth = make_scene(polder, blooms[field].peak, sky=Sky(Weather.CLEAR), seed=0).truth
        assert truth.bloom[truth.fields == field].mean() > 0.1
        onset[year] = np.median([bloom.onset.timetuple().tm_yday for bloom in blooms.values()])
    assert onset[2021] > onset[2024] + 10


def test_early_tulips_lie_under_plastic_in_march() -> None:
    white = {}
    for seed in range(12):
        polder = make_polder(seed, 96, 96, [2025])
        planting, parcels = polder.plantings[2025], polder.parcels
        early = (parcels >= 0) & planting.covered[parcels]
        for day in (date(2025, 3, 20), date(2025, 4, 20)):
            scene = make_scene(polder, day, sky=Sky(Weather.CLEAR), seed=0)
            white.setdefault(day, []).append(scene.reflectance[0][early])
            assert scene.truth.tulip[early].all()
    march, april = (float(np.median(np.concatenate(blue))) for blue in white.values())
    assert march > 0.2
    assert april < 0.15


def test_look_alikes_are_rare_beside_tulips() -> None:
    crops = np.concatenate([make_polder(s, 48, 48, [2025]).plantings[2025].crop for s in range(60)])
    tulips = (crops == Crop.TULIP).mean()
    for kind in (Crop.HYACINTH, Crop.DAFFODIL):
        assert 0 < (crops == kind).mean() < 0.1 * tulips


def test_a_bulb_crop_has_leaves_of_its_own() -> None:
    """Out of bloom the three are told apart: no two share a spectrum or a share of soil."""
    leaves = np.stack([spectra.TULIP_LEAF, spectra.HYACINTH_LEAF, spectra.DAFFODIL_LEAF])
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(leaves[one] / leaves[other] - 1).max() > 0.15


def test_a_cloud_is_brighter_in_near_infrared_where_the_ground_is() -> None:
    polder = make_polder(4, 96, 96, [2025])
    sky = Sky(Weather.OVERCAST, 1.0, 8.0)
    scene = make_scene(polder, date(2025, 6, 12), sky=sky, seed=1)
    assert np.median(scene.reflectance[6]) > np.median(scene.reflectance[2]) + 0.01


def test_a_shadow_lies_away_from_the_sun() -> None:
    polder = make_polder(7, 128, 128, [2025])
    sky = Sky(Weather.SCATTERED, 0.2, 8.0, 600.0, sun_elevation=45.0, sun_azimuth=180.0)
    truth = make_scene(polder, date(2025, 5, 1), sky=sky, seed=4).truth
    moved = np.roll(truth.cloud, -60, axis=0)  # 600 m high at 45 degrees: 60 pixels to the north
    assert np.corrcoef(moved.ravel(), truth.shadow.ravel())[0, 1] > 0.9


def test_outside_the_swath_nothing_is_measured() -> None:
    polder = make_polder(8, 64, 64, [2025])
    sky = Sky(Weather.CLEAR, swath_edge=0.3)
    scene = make_scene(polder, date(2025, 5, 1), sky=sky, seed=0)
    assert 0.1 < np.isnan(scene.reflectance[0]).mean() < 0.6


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_either_radiometric_baseline_is_told_from_the_pixels(seed: int) -> None:
    """Numbers of a simulated scene, with the 1000 of baseline 04.00 and without."""
    polder = make_polder(seed, 128, 128, [2025])
    scene = make_scene(polder, date(2025, 5, 11), sky=Sky(Weather.CLEAR), seed=seed)
    carried = radiometry.encode(scene.reflectance)
    plain = np.clip(carried.astype(np.int32) - 1000, 1, None)
    for numbers, answer in ((carried, True), (plain, False)):
        evidence = radiometry.look_for_offset(numbers * np.float32(1e-4), BANDS)
        assert evidence.carried is answer, evidence.text
