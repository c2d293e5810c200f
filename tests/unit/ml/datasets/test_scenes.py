from pathlib import Path

import numpy as np
import pytest

from tulip_ops import simulate
from tulip_ops.core.errors import BadTrainingData
from tulip_ops.core.types import BANDS
from tulip_ops.ml.datasets.labels import (
    SHARE,
    UNKNOWN,
    cloud_filter_target,
    cloud_label,
    unet_target,
    usable_pixels,
)
from tulip_ops.ml.datasets.scenes import TrainingScene, load_scenes, make_scenes
from tulip_ops.ml.training import augmentation, chip_sampling
from tulip_ops.raster import reflectance as radiometry

RGB = ("red", "green", "blue")


def scene(size: int = 64) -> TrainingScene:
    random = np.random.default_rng(8)
    truth = np.zeros((size, size, 4), dtype=np.uint8)
    truth[20:40, 20:40, 0] = 1
    truth[20:30, 20:40, 1] = SHARE
    return TrainingScene(
        "a", "a", 2020, random.integers(1000, 4000, (size, size, 3)).astype(np.uint16), truth
    )


def test_scenes_are_kept_as_they_were_simulated(tmp_path: Path) -> None:
    paths = make_scenes(tmp_path, [11, 12], 48, processes=1)
    made = simulate.training_scene(11, height=48, width=48)

    kept = load_scenes(paths, RGB)[0]

    assert [path.name for path in paths] == ["11.npz", "12.npz"]
    np.testing.assert_allclose(
        kept.reflectance(), made.reflectance[[BANDS.index(band) for band in RGB]], atol=1e-4
    )
    assert (kept.name, kept.place) == ("simulated-11", "simulated-11")
    assert kept.season == made.sensed_at.year
    np.testing.assert_array_equal(kept.truth[..., 0] > 0, made.truth.tulip)
    np.testing.assert_allclose(kept.truth[..., 2] / SHARE, made.truth.cloud, atol=0.002)
    changed = paths[0].stat().st_mtime_ns
    make_scenes(tmp_path, [11, 12], 48, processes=1)
    assert paths[0].stat().st_mtime_ns == changed


@pytest.mark.parametrize(
    ("hidden", "opacity", "label"),
    [
        (0, 255, 0.0),
        (30, 255, 1.0),
        (200, 10, 0.0),
        (200, 20, np.nan),
        (3, 255, np.nan),
        (0.5, 255, 0.0),
    ],
)
def test_a_chip_is_cloudy_by_the_share_that_is_hidden(
    hidden: float, opacity: int, label: float
) -> None:
    truth = np.zeros((20, 20, 4), dtype=np.uint8)
    truth.reshape(-1, 4)[: int(hidden * 4), 2] = min(opacity, SHARE)

    np.testing.assert_equal(cloud_label(truth), label)


def test_shadow_hides_too() -> None:
    truth = np.zeros((20, 20, 4), dtype=np.uint8)
    truth[:10, :, 3] = int(0.5 * SHARE)

    assert cloud_label(truth) == 1


def test_what_nobody_could_see_does_not_count() -> None:
    truth = scene().truth
    truth[20, 20, 2] = SHARE
    reflectance = np.full((64, 64, 3), 0.2, dtype=np.float32)
    reflectance[25, 25, 0] = np.nan

    target = unet_target(reflectance, truth)

    assert target[22, 22].tolist() == [0, 0, 1]
    assert target[35, 35].tolist() == [0, 1, 0]
    assert target[0, 0].tolist() == [1, 0, 0]
    assert not target[20, 20].any()
    assert not target[25, 25].any()


def test_the_same_seed_draws_the_same_chips() -> None:
    def first(seed: tuple[int, ...]) -> np.ndarray:
        (reflectance, _), *_ = chip_sampling.batches(
            chip_sampling.draw_for_unet, [scene()], RGB, seed=seed, steps=1, batch=4, chip=32
        )
        return reflectance

    np.testing.assert_array_equal(first((1, 2)), first((1, 2)))
    assert not np.array_equal(first((1, 2)), first((1, 3)))


def test_a_third_of_the_chips_for_the_cloud_filter_is_clear_and_the_others_lie_near_clouds() -> (
    None
):
    clear, cloudy = scene(), scene()
    cloudy.truth[:32, :, 2] = SHARE

    (reflectance, truth), *_ = chip_sampling.batches(
        chip_sampling.draw_for_cloud_filter,
        [clear, cloudy],
        RGB,
        seed=(1,),
        steps=1,
        batch=64,
        chip=32,
    )

    cells, chips = cloud_filter_target(truth)
    assert reflectance.shape == (64, 32, 32, 3)
    assert cells.shape == (64, 2, 2)
    assert 12 <= np.count_nonzero(chips == 0) <= 40
    assert 24 <= np.count_nonzero(chips == 1) <= 48
    assert 0.2 < np.nanmean(cells) < 0.6


def test_a_kind_of_chip_that_no_scene_has_is_an_error() -> None:
    with pytest.raises(BadTrainingData, match="held no cloud; add scenes"):
        list(
            chip_sampling.batches(
                chip_sampling.draw_for_cloud_filter,
                [scene()],
                RGB,
                seed=(1,),
                steps=9,
                batch=8,
                chip=32,
            )
        )


def test_cells_are_judged_by_the_rule_of_chips() -> None:
    truth = np.zeros((2, 48, 40, 4), dtype=np.uint8)
    truth[0, :16, :16, 2] = SHARE
    truth[0, 16, 16:20, 2] = SHARE  # 4 of 256 pixels: in between
    truth[0, 32, 0, 3] = SHARE  # 1 of 256 pixels: clear
    truth[1, :16, :16, 2] = UNKNOWN
    truth[1, 16, :16, 2] = SHARE
    truth[1, 17, :16, 3] = UNKNOWN  # hidden or not, the cell is cloudy

    cells, chips = cloud_filter_target(truth)

    np.testing.assert_equal(cells[0], [[1, 0], [0, np.nan], [0, 0]])
    np.testing.assert_equal(cells[1], [[np.nan, 0], [1, 0], [0, 0]])
    np.testing.assert_equal(chips, [1, np.nan])


def test_an_image_with_a_verdict_is_shown_as_a_whole() -> None:
    halves = scene().dn
    halves[:, :32] = 9000  # 80 %, which a rendering saturates at 40 %
    unknown = np.full((64, 64, 4), UNKNOWN, dtype=np.uint8)
    scenes = [TrainingScene(str(v), "p", 2017, halves, unknown, cloudy=v) for v in (True, False)]

    (reflectance, truth), *_ = chip_sampling.batches(
        chip_sampling.draw_for_cloud_filter, scenes, RGB, seed=(1,), steps=1, batch=32, chip=32
    )

    cells, chips = cloud_filter_target(truth)
    assert set(chips) == {0, 1}
    assert np.isnan(cells[chips == 1]).all()
    assert (cells[chips == 0] == 0).all()
    shares = (reflectance > 0.3).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(shares, 0.5, atol=0.02)


def test_a_pixel_may_belong_to_every_class_that_nobody_ruled_out() -> None:
    truth = np.zeros((1, 7, 4), dtype=np.uint8)
    truth[0, :5, 0] = (0, 1, 1, 1, UNKNOWN)
    truth[0, :5, 1] = (UNKNOWN, 0, SHARE, UNKNOWN, 0)
    truth[0, 5] = (1, 0, UNKNOWN, UNKNOWN)
    truth[0, 6] = (1, 0, SHARE, 0)

    target = unet_target(np.zeros((1, 7, 3), dtype=np.float32), truth)

    assert target[0].tolist() == [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [0, 1, 1],
        [0, 0, 0],
        [0, 1, 0],
        [0, 0, 0],
    ]
    np.testing.assert_array_equal(
        usable_pixels(np.ones((1, 7, 3), dtype=np.uint16), truth), target.any(axis=-1)
    )


@pytest.mark.parametrize("seed", range(20))
def test_image_and_truth_are_warped_together(seed: int) -> None:
    striped = scene()
    striped.dn[...] = np.where(striped.truth[..., :1] > 0, 3000, 1000)

    reflectance, truth = chip_sampling.draw_for_unet([striped], np.random.default_rng(seed), 32)

    bright = reflectance[..., 0] > 0.1
    assert (bright != (truth[..., 0] > 0)).mean() < 0.05  # half pixels along the borders
    assert (reflectance >= -0.0001).all()


def test_holes_are_warped_with_the_image() -> None:
    holed = scene()
    holed.dn[:, 32:] = 0
    random = np.random.default_rng(4)

    drawn = [chip_sampling.draw_for_unet([holed], random, 32)[0] for _ in range(20)]

    shares = [float(np.isnan(chip).mean()) for chip in drawn]
    assert 0.2 < np.mean(shares) < 0.8
    assert all(np.nanmin(chip) > -0.001 for chip in drawn if not np.isnan(chip).all())


def test_an_undistorted_chip_is_the_scene_itself() -> None:
    image = scene().dn
    rows, columns = augmentation.positions(np.eye(3), (20, 30), 16, image.shape[:2])

    sampled = augmentation.sample(image, rows, columns)

    np.testing.assert_allclose(sampled, image[12:28, 22:38], atol=1e-3)


def test_radiometry_keeps_holes_and_stays_near() -> None:
    random = np.random.default_rng(2)
    chips = np.full((16, 8, 8, 3), 0.2, dtype=np.float32)
    chips[:, 0, 0] = np.nan

    augmentation.radiometry(changed := chips.copy(), RGB, random)

    assert np.isnan(changed[:, 0, 0]).all()
    assert np.isfinite(changed[:, 3:, 3:]).all()
    assert np.nanmin(changed) > 0.1
    assert np.nanmax(changed) < 0.35


def test_a_rendering_has_256_values() -> None:
    chips = np.random.default_rng(2).uniform(0, 0.6, (32, 8, 8, 3)).astype(np.float32)

    augmentation.radiometry(chips, RGB, np.random.default_rng(3))

    steps = chips * 255 * radiometry.STRETCH
    rendered = (np.abs(steps - np.rint(steps)) < 1e-3).all(axis=(1, 2, 3))
    assert 8 <= rendered.sum() <= 24
    assert chips[rendered].max() <= 1 / radiometry.STRETCH + 1e-6


@pytest.mark.parametrize("symmetry", range(augmentation.SYMMETRIES))
def test_every_symmetry_is_another_one(symmetry: int) -> None:
    square = np.arange(4).reshape(2, 2)

    turned = [augmentation.turn(square, other).tolist() for other in range(augmentation.SYMMETRIES)]

    assert turned.count(turned[symmetry]) == 1


def test_a_skew_brings_one_side_nearer() -> None:
    tilt = augmentation.skew(0.5, one_corner=False)
    rows, columns = augmentation.positions(tilt, (100, 100), 64, (200, 200))

    assert np.ptp(rows[:, 0]) == pytest.approx(np.ptp(rows[:, -1]) / 2, rel=0.03)
    assert np.ptp(columns[0]) == pytest.approx(63, abs=1)


def test_warps_stay_near_their_place() -> None:
    random = np.random.default_rng(5)
    for _ in range(200):
        rows, columns = augmentation.positions(
            augmentation.random_warp(random), (200, 200), 64, (400, 400)
        )
        assert abs(rows - 200).max() < 64
        assert abs(columns - 200).max() < 64
        assert abs(np.diff(rows, axis=0)).max() < 2.5


@pytest.mark.parametrize("length", [20, 32, 45])
def test_resizing_keeps_the_mean_of_a_ramp(length: int) -> None:
    ramp = np.broadcast_to(
        np.linspace(0, 1, length, dtype=np.float32)[:, None, None], (length, 9, 1)
    )

    resized = augmentation.resize(ramp, 16)

    assert resized.shape == (16, 16, 1)
    assert resized.mean() == pytest.approx(0.5, abs=0.05)
