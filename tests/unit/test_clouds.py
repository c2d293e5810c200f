import numpy as np

from tulip_ops import chips, clouds


def test_a_pixel_takes_the_mean_of_the_chips_over_it() -> None:
    plan = chips.plan(8, 12, 8, 4)  # two chips, sharing columns 4 to 7

    cloud = clouds.spread(np.array([0.2, 0.8], dtype=np.float32), plan)

    assert cloud.shape == (8, 12)
    assert cloud.dtype == np.float32
    np.testing.assert_allclose(cloud[0, ::4], [0.2, 0.5, 0.8])


def test_chips_that_were_not_judged_say_nothing() -> None:
    plan = chips.plan(8, 12, 8, 4)

    cloud = clouds.spread(np.array([np.nan, 0.8], dtype=np.float32), plan)

    assert np.isnan(cloud[:, :4]).all()
    np.testing.assert_allclose(cloud[:, 4:], 0.8)


def test_padding_is_left_behind() -> None:
    cloud = clouds.spread(np.array([0.3], dtype=np.float32), chips.plan(5, 7, 16, 8))

    assert cloud.shape == (5, 7)
    np.testing.assert_allclose(cloud, 0.3)


def test_only_measured_ground_below_the_threshold_is_clear() -> None:
    cloud = np.array([[0.1, 0.5, 0.9, np.nan]], dtype=np.float32)

    assert clouds.clear(cloud, 0.5).tolist() == [[True, False, False, False]]


def test_the_clear_fraction_is_of_the_areas_alone() -> None:
    clear = np.array([[True, True, False, False]])
    areas = np.array([[False, True, True, True]])

    assert clouds.clear_fraction(clear, areas) == 1 / 3
    assert clouds.clear_fraction(clear, np.zeros_like(areas)) == 0.0
