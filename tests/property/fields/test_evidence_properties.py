import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tulip_ops.fields.evidence import is_seen, season_probability, weights

looks = st.lists(
    arrays(np.uint8, 6, elements=st.integers(0, 250) | st.just(255)), min_size=1, max_size=8
)


def summed(found):
    return (
        np.sum([weights(look) for look in found], axis=0, dtype=np.int16),
        np.sum([is_seen(look) for look in found], axis=0, dtype=np.int16),
    )


@settings(deadline=None)
@given(looks, st.randoms(use_true_random=False))
def test_the_order_of_looks_does_not_matter(found, random):
    shuffled = random.sample(found, len(found))
    assert (season_probability(*summed(shuffled)) == season_probability(*summed(found))).all()


@settings(deadline=None)
@given(looks, arrays(np.uint8, 6, elements=st.integers(0, 250) | st.just(255)))
def test_what_was_added_can_be_taken_away(found, other):
    total, count = summed([*found, other])
    total, count = total - weights(other), count - is_seen(other)
    for one, again in zip((total, count), summed(found), strict=True):
        assert (one == again).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 250), min_size=1, max_size=8), st.integers(0, 7))
def test_a_surer_look_never_makes_a_season_less_sure(values, place):
    place %= len(values)
    surer = [*values[:place], min(250, values[place] + 40), *values[place + 1 :]]
    before, after = (
        season_probability(*summed([np.array([v], dtype=np.uint8) for v in chosen]))
        for chosen in (values, surer)
    )
    assert after >= before
