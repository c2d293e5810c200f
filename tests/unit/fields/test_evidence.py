import numpy as np
import pytest

from tulip_ops.fields import evidence
from tulip_ops.fields.evidence import PRIOR, season_probability, weights
from tulip_ops.raster.probability import PROBABILITY_NODATA, decode_probability, encode_probability


def stored(*probabilities: float) -> np.ndarray:
    return encode_probability(np.array(probabilities, dtype=np.float32))


def together(*looks: np.ndarray) -> np.ndarray:
    """Probability over the season of looks of the same shape, NaN where none saw the ground."""
    total = np.sum([weights(look) for look in looks], axis=0, dtype=np.int16)
    count = np.sum([evidence.is_seen(look) for look in looks], axis=0, dtype=np.int16)
    return decode_probability(season_probability(total, count))


def test_one_look_says_what_it_says_within_a_step():
    every = np.arange(1, 250, dtype=np.uint8)
    assert together(every) == pytest.approx(decode_probability(every), abs=0.011)


def test_a_look_that_knows_nothing_changes_nothing():
    certain, nothing = stored(0.9), stored(PRIOR)
    assert weights(nothing) == [0]
    # it counts as a look, so that the others weigh a little less
    assert 0.75 < together(certain, nothing)[0] < 0.9
    assert together(nothing, nothing, nothing) == pytest.approx([PRIOR], abs=0.004)


def test_looks_that_agree_are_surer_than_one_and_less_sure_than_independent_ones():
    both = together(stored(0.8), stored(0.8))[0]
    independent = 16 * 4 / (1 + 16 * 4)  # odds 4 / (1 / 4) each, times those of the prior
    assert 0.8 < both < independent


def test_looks_against_a_field_count_as_those_for_it():
    assert together(stored(0.71), stored(0.0), stored(0.01))[0] < 0.1


def test_ground_that_no_look_saw_has_no_probability():
    unseen = np.array([PROBABILITY_NODATA], dtype=np.uint8)
    assert weights(unseen) == [0]
    assert np.isnan(together(unseen)).all()
    assert together(stored(0.7), unseen) == pytest.approx(together(stored(0.7)))


def test_as_many_looks_as_there_is_room_for():
    sure = [stored(1.0)] * evidence.MOST_LOOKS
    assert together(*sure) == pytest.approx([1.0])
    assert together(*[stored(0.0)] * evidence.MOST_LOOKS) == pytest.approx([0.0])


@pytest.mark.parametrize(("probability", "confidence"), [(0.67, 0.5), (0.775, 0.74), (0.93, 0.98)])
def test_confidence_follows_the_mean_probability(probability, confidence):
    assert evidence.confidence(probability) == pytest.approx(confidence, abs=0.05)
    assert 0 < evidence.confidence(0.0) < evidence.confidence(1.0) < 1
