import numpy as np

from tulip_ops.pipeline import area_masks


def test_only_measured_ground_below_the_threshold_is_clear() -> None:
    cloud = np.array([[0.1, 0.5, 0.9, np.nan]], dtype=np.float32)

    assert area_masks.clear(cloud, 0.5).tolist() == [[True, False, False, False]]


def test_the_clear_fraction_is_of_the_areas_alone() -> None:
    clear = np.array([[True, True, False, False]])
    areas = np.array([[False, True, True, True]])

    assert area_masks.clear_fraction(clear, areas) == 1 / 3
    assert area_masks.clear_fraction(clear, np.zeros_like(areas)) == 0.0
