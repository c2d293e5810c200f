"""Scenes are whole, repeatable and labelled with what is really there."""

from datetime import date

import numpy as np
import pytest

from tulip_ops import simulate
from tulip_ops.core.types import BANDS
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.simulate import Sky, Weather, make_polder, make_scene, spectra, training_scene
from tulip_ops.simulate.crops import Crop

SEEDS = (8, 27)
"""Both scenes have tulips in flower, clouds and their shadows; the first an edge of the swath."""
GOLDEN = ("e2b9a6c30b0a", """
0.1712409 0.1576925 0.1537401 0.1689899 0.2283733 0.2593205 0.2741400 0.2819298 0.2133591
0.1671091 0.0046409 0.1763318 0.2017879 0.0122721 0.0144813 0.0173263 0.0174501 0.0223597
0.0277147 0.0304184 0.0309906 0.0237021 0.0224083 0.0038808 0.0554319 0.0442116
0.2215850 0.2144134 0.2221637 0.2339948 0.2677963 0.2823790 0.2912696 0.2981600 0.2797464
0.2237537 0.0155707 0.2898083 0.2643368 0.0141797 0.0165691 0.0189065 0.0189835 0.0186237
0.0196234 0.0204798 0.0208189 0.0241183 0.0218781 0.0150463 0.0700023 0.0536188
""")  # fmt: skip
"""Version of the simulator, and `figures` of the two scenes that it makes."""


def figures(seed: int) -> list[float]:
    """Means and roughness (mean step to the next column) of ten bands, bloom, cloud and shadow."""
    scene = training_scene(seed, height=64, width=64)
    truth = scene.truth
    layers = np.stack([*scene.reflectance, truth.bloom, truth.cloud, truth.shadow])
    means = np.nanmean(layers, axis=(1, 2), dtype=np.float64)
    roughness = np.nanmean(np.abs(np.diff(layers)), axis=(1, 2), dtype=np.float64)
    return [*means.tolist(), *roughness.tolist()]


def test_other_scenes_have_another_version() -> None:
    """Other machines round single pixels differently, by 1e-4: that moves no figure by 1e-6."""
    version, golden = GOLDEN
    made = np.concatenate([figures(seed) for seed in SEEDS])
    assert np.allclose(made, [float(figure) for figure in golden.split()], rtol=0, atol=1e-6), (
        "the simulator makes other scenes: raise the constant VERSION in simulate/scenes.py, so"
        " that cached scenes are made again, and write it into GOLDEN with these figures: "
        + " ".join(f"{figure:.7f}" for figure in made)
    )
    assert version == simulate.VERSION, "write the new VERSION into GOLDEN"


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
        evidence = radiometry.detect_offset(numbers * np.float32(1e-4), BANDS)
        assert evidence.present is answer, evidence.text
