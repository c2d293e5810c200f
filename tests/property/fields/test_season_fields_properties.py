from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from tulip_ops.core.types import SeasonDetection
from tulip_ops.fields.season_fields import cluster

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
