import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tulip_ops.ml.evaluation import calibration, metrics

PROBABILITY = st.floats(0, 1, width=32)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(1, 60))
    said = draw(arrays.arrays(np.float32, size, elements=PROBABILITY))
    return said, draw(arrays.arrays(np.bool_, size))


@given(pairs())
def test_calibration_keeps_the_order_and_never_makes_things_less_likely(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    said, true = pair
    positive, negative = int(true.sum()), int((~true).sum())
    hoped = np.where(true, (positive + 1) / (positive + 2), 1 / (negative + 2))

    found = calibration.fit(said, true)
    after = found.apply(said)

    assert (np.diff(after[np.argsort(said)]) >= 0).all()
    if found.slope > 0.05:
        assert surprise(after, hoped) <= surprise(said, hoped) + 1e-3 * len(said)


def surprise(said: np.ndarray, hoped: np.ndarray) -> float:
    kept = np.clip(said.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.sum(hoped * np.log(kept) + (1 - hoped) * np.log(1 - kept)))


@given(st.lists(pairs(), min_size=1, max_size=5), st.integers(0, 999))
def test_a_tally_counts_what_comparing_with_the_threshold_counts(
    scenes: list[tuple[np.ndarray, np.ndarray]], step: int
) -> None:
    threshold = step / 1000
    tally = metrics.tally(scenes)

    counts = tally.at(threshold)

    for (said, true), (hits, alarms, misses, rejections) in zip(scenes, counts, strict=True):
        yes = said >= threshold
        assert hits == np.count_nonzero(yes & true)
        assert alarms == np.count_nonzero(yes & ~true)
        assert misses == np.count_nonzero(~yes & true)
        assert rejections == np.count_nonzero(~yes & ~true)
    assert tally.everywhere()[step].tolist() == counts.sum(axis=0).tolist()
    assert 0 <= metrics.iou(counts.sum(axis=0)) <= 1 or not any(c[:3].any() for c in counts)
