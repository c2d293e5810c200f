"""What is one field and what are two, on probabilities as networks give them."""

from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from tulip_ops.fields.delineation.watershed import segment_fields
from tulip_ops.raster.probability import ProbabilityRaster
from tulip_ops.simulate import Sky, Weather, make_polder, make_scene
from tulip_ops.simulate.random_fields import blur

THRESHOLD = 0.5


def ground(height: int = 40, width: int = 60) -> NDArray[np.float32]:
    return np.full((height, width), 0.02, dtype=np.float32)


def seen(probability: NDArray[np.float32], noise: float = 0.0) -> NDArray[np.float32]:
    """As a sensor and a network would blur it, in the steps that products are stored in."""
    spread = blur(probability[np.newaxis], 0.6)[0]
    spread += np.random.default_rng(1).normal(0, noise, spread.shape) if noise else 0
    return (np.rint(np.clip(spread, 0, 1) * 250) / 250).astype(np.float32)


def fields(probability: NDArray[np.float32], smallest: float = 30) -> NDArray[np.int32]:
    return segment_fields(ProbabilityRaster(probability), threshold=THRESHOLD, smallest=smallest)


@pytest.mark.parametrize(
    "certainties", [(0.97, 0.92, 0.96, 0.91, 0.98), (0.98, 0.86, 0.74, 0.62, 0.6)]
)
def test_strips_of_one_field_stay_together(certainties: tuple[float, ...]) -> None:
    """Strips that are about alike, and steps from one to the next however high."""
    probability = ground()
    for strip, certainty in enumerate(certainties):
        probability[5:35, 10 + 6 * strip : 16 + 6 * strip] = certainty
    assert fields(seen(probability)).max() == 0


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_a_ditch_of_one_pixel_parts_two_fields(noise: float) -> None:
    probability = ground()
    probability[5:35, 10:50] = 0.95
    probability[5:35, 30] = 0.6
    labels = fields(seen(probability, noise))
    assert labels.max() == 1
    west, east = (labels == 0).sum(), (labels == 1).sum()
    assert west == pytest.approx(600, abs=60)
    assert east == pytest.approx(570, abs=60)


def test_noise_alone_parts_nothing() -> None:
    probability = ground()
    probability[5:35, 10:50] = 0.8
    assert fields(seen(probability, noise=0.08)).max() == 0


def test_a_dent_does_not_part_a_field() -> None:
    probability = ground()
    probability[5:35, 10:50] = 0.95
    probability[5:15, 30] = 0.5  # a track that ends in the field
    assert fields(seen(probability)).max() == 0


def test_what_is_small_joins_the_neighbour_it_is_least_parted_from() -> None:
    probability = ground()
    probability[5:35, 10:40] = 0.95
    probability[10:14, 41:46] = 0.95
    probability[10:14, 40] = 0.5
    assert fields(seen(probability), smallest=30).max() == 0
    assert fields(seen(probability), smallest=3).max() == 1


def test_what_convinces_nowhere_is_no_field() -> None:
    probability = ground()
    probability[5:35, 10:20] = 0.6
    probability[5:35, 40:50] = 0.95
    labels = fields(seen(probability))
    assert labels.max() == 0
    assert (labels[:, :30] == -1).all()


def test_what_was_not_seen_belongs_to_no_field_and_takes_no_part_in_means() -> None:
    probability = seen(np.full((20, 20), 0.9, dtype=np.float32))
    probability[:, 10:] = np.nan
    labels = fields(probability)
    assert (labels[:, :10] == 0).all()
    assert (labels[:, 10:] == -1).all()


def test_nothing_in_nothing_out() -> None:
    assert (fields(ground()) == -1).all()
    assert (fields(np.full((3, 4), np.nan, dtype=np.float32)) == -1).all()


def test_simulated_parcels_are_found_as_they_are() -> None:
    """Truth blurred by the sensor, with strips and noise: most parcels are one field each."""
    polder = make_polder(5, 256, 256, [2025])
    truth = make_scene(polder, date(2025, 4, 25), sky=Sky(Weather.CLEAR), seed=0).truth
    strips = np.random.default_rng(2).uniform(0.7, 1, len(polder.parcel)).astype(np.float32)
    strip = strips[polder.unit[len(polder.unit) // 2]]
    probability = seen(np.where(truth.tulip, strip, np.float32(0.02)), noise=0.02)
    labels = fields(probability)
    found, parcels = matched(labels, truth.fields)
    assert found >= 0.8 * parcels
    assert found >= 0.75 * (labels.max() + 1)


def matched(labels: NDArray[np.int32], truth: NDArray[np.int32]) -> tuple[int, int]:
    """How many parcels of 30 pixels or more a field shares half its ground with, of how many."""
    numbers, size = np.unique(truth[truth >= 0], return_counts=True)
    count = 0
    for number in numbers[size >= 30]:
        here = truth == number
        label, shared = np.unique(labels[here & (labels >= 0)], return_counts=True)
        count += any(
            both / ((labels == one) | here).sum() >= 0.5
            for one, both in zip(label, shared, strict=True)
        )
    return count, int((size >= 30).sum())
