from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.fields.test_season_fields_properties import TILES, a_season
from tulip_ops.core.types import Field
from tulip_ops.fields.matching import assign
from tulip_ops.fields.season_fields import cluster


@settings(deadline=None)
@given(a_season(), st.randoms(use_true_random=False))
def test_assignment_is_one_to_one_in_any_order(detections, random):
    season_fields = cluster(detections)
    known = [
        Field(number, found.geometry, found.area_m2)
        for number, tile, found in detections
        if tile == TILES[0]
    ]
    assignment = assign(season_fields, known)
    kept_ids = [field_id for field_id, _ in assignment.matched]
    assert len(set(kept_ids)) == len(kept_ids)
    together = [field for _, field in assignment.matched] + list(assignment.new)
    assert sorted(map(id, together)) == sorted(map(id, season_fields))
    shuffled = assign(
        random.sample(season_fields, len(season_fields)), random.sample(known, len(known))
    )
    assert shuffled.matched == assignment.matched
    assert sorted(map(id, shuffled.new)) == sorted(map(id, assignment.new))


@settings(deadline=None)
@given(a_season())
def test_a_season_finds_its_own_fields_again(detections):
    season_fields = cluster(detections)
    known = [Field(n, f.geometry, f.area_m2) for n, f in enumerate(season_fields)]
    assert assign(season_fields, known).matched == tuple(enumerate(season_fields))
