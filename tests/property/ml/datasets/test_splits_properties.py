import pytest
from hypothesis import given
from hypothesis import strategies as st

from tulip_ops.core.errors import BadTrainingData
from tulip_ops.ml.datasets.lazy_scenes import LazyScene
from tulip_ops.ml.datasets.scenes import TrainingScene
from tulip_ops.ml.datasets.splits import split


def unread(name: str, place: str, season: int) -> LazyScene:
    def never() -> TrainingScene:
        raise AssertionError("a split reads nothing")

    return LazyScene(name, place, season, never)


places = st.integers(0, 12).map(lambda number: f"place {number}")
scenes = st.lists(
    st.builds(unread, st.uuids().map(str), places, st.integers(2016, 2024)), max_size=60
)


@given(scenes, st.integers(0, 9), st.booleans())
def test_no_place_is_in_two_parts(
    all_of_them: list[LazyScene], seed: int, seasons_apart: bool
) -> None:
    try:
        parts = split(all_of_them, seed, seasons_apart=seasons_apart)
    except BadTrainingData:
        few = len({scene.place for scene in all_of_them}) < 3
        assert few or seasons_apart
        return

    where = [{scene.place for scene in part} for part in parts]
    assert all(where)
    assert not where[0] & where[1] | where[0] & where[2] | where[1] & where[2]
    if seasons_apart:
        when = [{scene.season for scene in part} for part in parts]
        assert not when[0] & when[1] | when[0] & when[2] | when[1] & when[2]
    else:
        assert sum(map(len, parts)) == len(all_of_them)


@given(scenes, st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_order_of_the_scenes_does_not_matter(
    all_of_them: list[LazyScene], seed: int, random: object
) -> None:
    if len({scene.place for scene in all_of_them}) < 3:
        return
    shuffled = list(all_of_them)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    one, other = split(all_of_them, seed), split(shuffled, seed)

    assert [{s.name for s in part} for part in one] == [{s.name for s in part} for part in other]


def test_parts_come_near_to_their_shares() -> None:
    many = [unread(f"{place} {day}", str(place), 2020) for place in range(100) for day in range(4)]

    assert [len(part) for part in split(many, 1)] == [280, 60, 60]


def test_two_places_make_no_three_parts() -> None:
    with pytest.raises(BadTrainingData, match="2 scenes of 2 places cannot make 3 parts"):
        split([unread("a", "a", 2020), unread("b", "b", 2020)], 1)
