from pathlib import Path

import numpy as np
import pytest

from tulip_ops import simulate
from tulip_ops.domain import BANDS
from tulip_ops.networks import augment, data
from tulip_ops.networks.data import Scene

RGB = ("red", "green", "blue")


def scene(size: int = 64) -> Scene:
    random = np.random.default_rng(8)
    truth = np.zeros((size, size, 4), dtype=np.uint8)
    truth[20:40, 20:40, 0] = 1
    truth[20:30, 20:40, 1] = data.SHARE
    return Scene(1, random.integers(1000, 4000, (size, size, 3)).astype(np.uint16), truth)


def test_scenes_are_kept_as_they_were_simulated(tmp_path: Path) -> None:
    paths = data.make_scenes(tmp_path, [11, 12], 48, processes=1)
    made = simulate.training_scene(11, height=48, width=48)

    kept = data.load_scenes(paths, RGB)[0]

    assert [path.name for path in paths] == ["11.npz", "12.npz"]
    np.testing.assert_allclose(
        kept.reflectance(), made.reflectance[[BANDS.index(band) for band in RGB]], atol=1e-4
    )
    np.testing.assert_array_equal(kept.truth[..., 0] > 0, made.truth.tulip)
    np.testing.assert_allclose(kept.truth[..., 2] / data.SHARE, made.truth.cloud, atol=0.002)
    changed = paths[0].stat().st_mtime_ns
    data.make_scenes(tmp_path, [11, 12], 48, processes=1)
    assert paths[0].stat().st_mtime_ns == changed


@pytest.mark.parametrize(
    ("hidden", "opacity", "label"),
    [(0, 255, 0.0), (30, 255, 1.0), (200, 20, 0.0), (3, 255, np.nan), (0.5, 255, 0.0)],
)
def test_a_chip_is_cloudy_by_the_share_that_is_hidden(
    hidden: float, opacity: int, label: float
) -> None:
    truth = np.zeros((20, 20, 4), dtype=np.uint8)
    truth.reshape(-1, 4)[: int(hidden * 4), 2] = min(opacity, data.SHARE)

    np.testing.assert_equal(data.cloud_label(truth), label)


def test_shadow_hides_too() -> None:
    truth = np.zeros((20, 20, 4), dtype=np.uint8)
    truth[:10, :, 3] = int(0.5 * data.SHARE)

    assert data.cloud_label(truth) == 1


def test_what_nobody_could_see_does_not_count() -> None:
    truth = scene().truth
    truth[20, 20, 2] = data.SHARE
    reflectance = np.full((64, 64, 3), 0.2, dtype=np.float32)
    reflectance[25, 25, 0] = np.nan

    target = data.unet_target(reflectance, truth)

    assert target[22, 22].tolist() == [0, 0, 1]
    assert target[35, 35].tolist() == [0, 1, 0]
    assert target[0, 0].tolist() == [1, 0, 0]
    assert not target[20, 20].any()
    assert not target[25, 25].any()


def test_the_same_seed_draws_the_same_chips() -> None:
    def first(seed: tuple[int, ...]) -> np.ndarray:
        (reflectance, _), *_ = data.batches(
            data.draw_for_unet, [scene()], RGB, seed=seed, steps=1, batch=4, chip=32
        )
        return reflectance

    np.testing.assert_array_equal(first((1, 2)), first((1, 2)))
    assert not np.array_equal(first((1, 2)), first((1, 3)))


def test_both_kinds_of_chips_are_drawn_for_the_cloud_filter() -> None:
    clear, cloudy = scene(), scene()
    cloudy.truth[..., 2] = data.SHARE

    (reflectance, truth), *_ = data.batches(
        data.draw_for_cloud_filter, [clear, cloudy], RGB, seed=(1,), steps=1, batch=32, chip=32
    )

    labels = data.cloud_filter_target(truth)
    assert reflectance.shape == (32, 32, 32, 3)
    assert 8 <= labels.sum() <= 24


def test_a_kind_of_chip_that_no_scene_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="simulate more"):
        list(
            data.batches(
                data.draw_for_cloud_filter, [scene()], RGB, seed=(1,), steps=9, batch=8, chip=32
            )
        )


@pytest.mark.parametrize("seed", range(20))
def test_image_and_truth_are_warped_together(seed: int) -> None:
    striped = scene()
    striped.dn[...] = np.where(striped.truth[..., :1] > 0, 3000, 1000)

    reflectance, truth = data.draw_for_unet([striped], np.random.default_rng(seed), 32)

    bright = reflectance[..., 0] > 0.1
    assert (bright != (truth[..., 0] > 0)).mean() < 0.05  # half pixels along the borders
    assert (reflectance >= -0.0001).all()


def test_holes_are_warped_with_the_image() -> None:
    holed = scene()
    holed.dn[:, 32:] = 0
    random = np.random.default_rng(4)

    drawn = [data.draw_for_unet([holed], random, 32)[0] for _ in range(20)]

    shares = [float(np.isnan(chip).mean()) for chip in drawn]
    assert 0.2 < np.mean(shares) < 0.8
    assert all(np.nanmin(chip) > -0.05 for chip in drawn if not np.isnan(chip).all())


def test_an_undistorted_chip_is_the_scene_itself() -> None:
    image = scene().dn
    rows, columns = augment.positions(np.eye(3), (20, 30), 16, image.shape[:2])

    sampled = augment.sample(image, rows, columns)

    np.testing.assert_allclose(sampled, image[12:28, 22:38], atol=1e-3)


def test_radiometry_keeps_holes_and_stays_near() -> None:
    random = np.random.default_rng(2)
    chips = np.full((16, 8, 8, 3), 0.2, dtype=np.float32)
    chips[:, 0, 0] = np.nan

    changed = augment.radiometry(chips, RGB, random)

    assert np.isnan(changed[:, 0, 0]).all()
    assert np.isfinite(changed[:, 3:, 3:]).all()
    assert np.nanmin(changed) > 0.1
    assert np.nanmax(changed) < 0.35
    assert changed.dtype == np.float32
