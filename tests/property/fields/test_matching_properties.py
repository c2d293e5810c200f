from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from tulip_ops.core.types import Field, SeasonDetection
from tulip_ops.fields.matching import assign, cluster

TILES = ("31UFT", "31UFU", "31UGT", "31UGU")
STEP = 1e-4

cell = st.integers(0, 12)
size = st.integers(1, 6)
rectangles = st.lists(st.tuples(cell, cell, size, size), max_size=5)


@st.composite
def a_season(draw):
    """Up to five detections in each of four tiles, with ids in no particular order."""
    entries = []
    for tile in TILES:
        ground = box(0, 0, 0, 0)
        for x, y, width, height in draw(rectangles):
            shape = box(x * STEP, y * STEP, (x + width) * STEP, (y + height) * STEP)
            if shape.intersection(ground).area == 0:  # one tile's detections never overlap
                ground = ground.union(shape)
                entries.append((tile, shape))
    ids = draw(st.permutations(range(len(entries))))
    return [
        (number, tile, SeasonDetection(shape, shape.area * 1e10, 0.9))
        for number, (tile, shape) in zip(ids, entries, strict=True)
    ]


@settings(deadline=None)
@given(a_season(), st.randoms(use_true_random=False))
def test_fields_do_not_depend_on_the_order(detections, random):
    shuffled = random.sample(detections, len(detections))
    assert cluster(shuffled) == cluster(detections)


@settings(deadline=None)
@given(a_season())
def test_outlines_do_not_depend_on_the_ids(detections):
    renumbered = [(1000 - number, tile, found) for number, tile, found in detections]
    before, after = cluster(detections), cluster(renumbered)
    assert [field.geometry for field in after] == [field.geometry for field in before]


@settings(deadline=None)
@given(a_season())
def test_fields_are_apart_and_share_out_all_detections(detections):
    fields = cluster(detections)
    members = [number for field in fields for number in field.detection_ids]
    assert sorted(members) == sorted(number for number, _, _ in detections)
    assert all(field.detection_ids for field in fields)
    outlines = [field.geometry for field in fields]
    assert all(outline.is_valid and outline.geom_type == "Polygon" for outline in outlines)
    for one, outline in enumerate(outlines):
        for other in outlines[:one]:
            assert outline.intersection(other).area < 1e-6 * STEP**2


@settings(deadline=None)
@given(a_season())
def test_what_lies_apart_does_not_matter(detections):
    far = [
        (number + 1000, tile, SeasonDetection(box(9, 9, 9.001, 9.001), 1e4, 0.9))
        for number, tile, _ in detections[:2]
    ]
    there = cluster(far)
    assert len(there) == (1 if far else 0)
    assert cluster([*detections, *far]) == there + cluster(detections)


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
