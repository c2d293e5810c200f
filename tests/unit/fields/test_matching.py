import pytest
from shapely.geometry import Polygon, box

from tulip_ops.core.types import Field, SeasonDetection
from tulip_ops.fields.matching import SeasonField, assign, cluster
from tulip_ops.raster.projection import geodesic_area

EAST, NORTH = 5.7, 52.7
METRE = 1e-5  # about, in degrees; the shapes below only need proportions
TILES = ("31UFT", "31UFU", "31UGT", "31UGU")


def ground(left: float, bottom: float, right: float, top: float) -> Polygon:
    """A rectangle with its corners in metres from a place in the polder, roughly."""
    return box(
        EAST + left * METRE, NORTH + bottom * METRE, EAST + right * METRE, NORTH + top * METRE
    )


def season(*tiles: list[Polygon]) -> list[tuple[int, str, SeasonDetection]]:
    """Season detections of several tiles, with ids in that order."""
    found = [
        (tile, SeasonDetection(shape, geodesic_area(shape), 0.9))
        for tile, shapes in zip(TILES, tiles, strict=False)
        for shape in shapes
    ]
    return [(number, tile, detection) for number, (tile, detection) in enumerate(found)]


def iou(one: Polygon, other: Polygon) -> float:
    return one.intersection(other).area / one.union(other).area


A, B = ground(0, 0, 200, 600), ground(200, 0, 400, 600)
BOTH = ground(0, 0, 400, 600)


def test_the_same_ground_in_several_tiles_is_one_field():
    shifted = ground(5, 5, 205, 605)
    (field,) = cluster(season([A], [shifted], [A]))
    assert field.geometry.equals(A)
    assert field.area_m2 == geodesic_area(A)
    assert field.detection_ids == (0, 1, 2)


def test_neighbours_fused_in_one_tile_stay_two():
    west, east = cluster(season([A, B], [BOTH], [A, B]))
    assert west.geometry.equals(A)
    assert east.geometry.equals(B)
    assert {0, 3} <= set(west.detection_ids)
    assert {1, 4} <= set(east.detection_ids)
    assert 2 in west.detection_ids + east.detection_ids


def test_a_neighbour_seen_only_fused_still_gets_its_ground():
    fields = cluster(season([A], [BOTH], [A]))
    assert [iou(field.geometry, shape) for field, shape in zip(fields, (A, B), strict=True)] == (
        pytest.approx([1, 1])
    )
    assert [field.detection_ids for field in fields] == [(0, 2), (1,)]
    assert fields[1].area_m2 == pytest.approx(geodesic_area(B), rel=1e-6)


def test_fragments_in_another_tile_belong_to_the_whole_field():
    south, north = ground(0, 0, 200, 200), ground(0, 350, 200, 600)
    (field,) = cluster(season([A], [south, north], [A]))
    assert field.geometry.equals(A)
    assert field.detection_ids == (0, 1, 2, 3)


def test_the_larger_outline_wins_where_tiles_disagree():
    half = ground(0, 0, 200, 300)
    (field,) = cluster(season([half], [A]))
    assert field.geometry.equals(A)


def test_neighbours_whose_outlines_overlap_a_little_are_parted():
    wider = ground(190, 0, 400, 600)
    west, east = cluster(season([A], [A, wider]))
    assert west.geometry.equals(A)
    assert west.geometry.intersection(east.geometry).area == 0
    assert east.detection_ids == (2,)


def test_fields_come_north_to_south_and_nothing_gives_nothing():
    far = ground(0, 5000, 100, 5100)
    assert [field.geometry for field in cluster(season([A, far, B]))] == [far, A, B]
    assert cluster([]) == []


def of_season(shape: Polygon) -> SeasonField:
    return SeasonField(shape, geodesic_area(shape), ())


def known(**shapes: Polygon) -> list[Field]:
    return [Field(int(name[1:]), shape, geodesic_area(shape)) for name, shape in shapes.items()]


def test_a_field_is_found_again_and_a_new_one_is_new():
    again, fresh = of_season(ground(10, 10, 210, 590)), of_season(ground(1000, 0, 1200, 600))
    assignment = assign([fresh, again], known(f7=A, f8=B))
    assert assignment.matched == ((7, again),)
    assert assignment.new == (fresh,)


def test_each_field_is_found_once_by_its_best_overlap():
    west, east = of_season(ground(0, 0, 150, 600)), of_season(ground(150, 0, 200, 600))
    assignment = assign([east, west], known(f1=A))
    assert assignment.matched == ((1, west),)
    assert assignment.new == (east,)


def test_a_part_seen_alone_is_the_same_field_a_strip_of_overlap_is_not():
    part = of_season(ground(0, 0, 100, 200))
    assert assign([part], known(f1=A)).matched == ((1, part),)
    beside = of_season(ground(150, 0, 350, 600))
    assert assign([beside], known(f1=A)) == assign([beside], [])


def test_among_equals_the_lower_id_wins():
    same = of_season(A)
    assert assign([same], known(f5=A, f3=A)).matched == ((3, same),)


def test_nothing_known_and_nothing_found():
    assert assign([], known(f1=A)).matched == ()
    assert assign([], []).new == ()
    assert assign([of_season(A)], []).new == (of_season(A),)
