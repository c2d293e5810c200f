import numpy as np
import pytest

from tulip_ops.ml.evaluation import calibration, metrics
from tulip_ops.ml.evaluation.bootstrap import Estimate, estimate
from tulip_ops.ml.inference.model_registry import Calibration

SAID = np.array([0.9, 0.8, 0.2, 0.6, 0.1, np.nan], dtype=np.float32)
TRUE = np.array([True, True, True, False, False, True])


def said_and_true(calibration: Calibration, scenes: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cases whose truth follows `calibration` of what is said."""
    random = np.random.default_rng(1)
    drawn = []
    for _ in range(scenes):
        said = random.uniform(0.001, 0.999, 20_000).astype(np.float32)
        drawn.append((said, random.random(20_000) < calibration.apply(said)))
    return drawn


def test_a_confusion_is_counted_without_the_cases_of_which_nothing_was_said() -> None:
    counts = metrics.tally([(SAID, TRUE)]).at(0.5)

    assert counts.tolist() == [[2, 1, 1, 1]]
    assert metrics.accuracy(counts)[0] == pytest.approx(3 / 5)
    assert metrics.precision(counts)[0] == pytest.approx(2 / 3)
    assert metrics.recall(counts)[0] == pytest.approx(2 / 3)
    assert metrics.f1(counts)[0] == pytest.approx(4 / 6)
    assert metrics.iou(counts)[0] == pytest.approx(2 / 4)


def test_a_threshold_of_the_tally_is_the_threshold_of_the_pipeline() -> None:
    said = np.random.default_rng(0).random(200_000).astype(np.float32)
    said[:1000] = np.arange(1000, dtype=np.float32) / 1000
    counted = metrics.tally([(said, np.ones(said.shape, dtype=bool))])

    for threshold in (0.05, 0.295, 0.475, 0.5, 0.615, 0.95):
        assert counted.at(threshold)[0, 0] == np.count_nonzero(said >= threshold)


def test_nothing_to_find_and_nothing_found_is_no_figure() -> None:
    nothing = metrics.tally([(np.zeros(4, dtype=np.float32), np.zeros(4, dtype=bool))]).at(0.5)

    assert np.isnan(metrics.iou(nothing)).all()
    assert np.isnan(metrics.f1(nothing)).all()
    assert metrics.accuracy(nothing).tolist() == [1.0]


def test_means_per_scene_and_over_all_weigh_differently() -> None:
    small = (np.array([0.9, 0.9], dtype=np.float32), np.array([True, False]))
    large = (np.full(98, 0.9, dtype=np.float32), np.ones(98, dtype=bool))
    empty = (np.zeros(5, dtype=np.float32), np.zeros(5, dtype=bool))
    counts = metrics.tally([small, large, empty]).at(0.5)

    per_scene = estimate(metrics.mean_per_scene(counts, metrics.iou), 3)
    over_all = estimate(metrics.over_all(counts, metrics.iou), 3)

    assert per_scene.value == pytest.approx((0.5 + 1) / 2)
    assert over_all.value == pytest.approx(99 / 100)
    assert per_scene.low == 0.5
    assert per_scene.high == 1.0


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(100):
        share = np.clip(random.normal(0.7, 0.1, 40), 0, 1)
        counts = np.stack([share * 100, 100 - share * 100, 0 * share, 0 * share], axis=-1)
        found = estimate(metrics.over_all(counts, metrics.iou), 40, draws=300)
        covered += found.low is not None and found.low <= 0.7 <= (found.high or 0)
    assert 88 <= covered <= 100


def test_one_scene_has_no_interval() -> None:
    counts = metrics.tally([(SAID, TRUE)]).at(0.5)

    assert estimate(metrics.over_all(counts, metrics.iou), 1) == Estimate(0.5, None, None)


def test_calibration_is_found_again() -> None:
    skewed = Calibration(slope=0.6, intercept=-0.8)
    ((said, true),) = said_and_true(skewed)

    found = calibration.fit(said, true)

    assert found.slope == pytest.approx(0.6, abs=0.03)
    assert found.intercept == pytest.approx(-0.8, abs=0.06)
    before, after = (
        estimate(metrics.calibration_error(metrics.tally([(p, true)])), 1).value
        for p in (said, found.apply(said))
    )
    assert before > 0.1
    assert after < 0.02


@pytest.mark.parametrize("true", [True, False])
def test_calibration_stays_finite_where_one_class_alone_is_there(true: bool) -> None:
    said = np.linspace(0, 1, 50, dtype=np.float32)

    calibrated = calibration.fit(said, np.full(50, true)).apply(said)

    assert np.isfinite(calibrated).all()
    assert (calibrated > 0.9).all() if true else (calibrated < 0.1).all()


def test_calibration_of_a_perfect_network_is_sure_and_not_infinite() -> None:
    said = np.array([0.0, 0.2, 0.3, 0.7, 0.8, 1.0] * 50, dtype=np.float32)

    found = calibration.fit(said, said > 0.5)

    assert found.slope > 1
    assert (found.apply(said) > 0.5).tolist() == (said > 0.5).tolist()


def test_calibration_never_turns_the_order() -> None:
    said = np.linspace(0.01, 0.99, 500, dtype=np.float32)

    found = calibration.fit(said, said < 0.4)

    assert found.slope == 0.05
    assert found.apply(said).mean() == pytest.approx(0.4, abs=0.02)


def test_without_cases_probabilities_stay_as_they_are() -> None:
    nothing = np.full(3, np.nan, dtype=np.float32)

    assert calibration.fit(nothing, np.ones(3, dtype=bool)) == Calibration()


def test_calibration_error_and_reliability_compare_what_was_said_with_what_came() -> None:
    said = np.repeat(np.array([0.12, 0.72], dtype=np.float32), 100)
    true = np.concatenate([np.arange(100) < 30, np.arange(100) < 70])
    counted = metrics.tally([(said, true)])

    error = estimate(metrics.calibration_error(counted), 1).value
    curve = metrics.reliability(counted)

    assert error == pytest.approx((0.18 + 0.02) / 2, abs=1e-6)
    assert curve[2] == pytest.approx([0.12, 0.3, 100])
    assert curve[14] == pytest.approx([0.72, 0.7, 100])
    assert np.isnan(curve[5]).tolist() == [True, True, False]


def test_the_precision_recall_curve_ends_at_full_recall() -> None:
    counted = metrics.tally([(SAID, TRUE)])

    curve = metrics.precision_recall(counted)

    assert curve[0].tolist() == [0.0, 3 / 5, 1.0]
    area = estimate(metrics.average_precision(counted), 1).value
    assert area == pytest.approx(1 / 3 + 1 / 3 + 1 / 3 * 3 / 4)


def test_the_best_threshold_is_the_middle_of_the_good_ones() -> None:
    said = np.array([0.1, 0.3, 0.7, 0.9], dtype=np.float32)
    counted = metrics.tally([(said, said > 0.5)])
    nothing = metrics.tally([(said, np.zeros(4, dtype=bool))])

    assert metrics.best_threshold(counted, metrics.f1) == pytest.approx(0.505)
    assert metrics.best_threshold(counted, metrics.iou) == pytest.approx(0.505)
    assert metrics.best_threshold(nothing, metrics.recall) == 0.5
