from shapely.geometry import Polygon, box

from tulip_ops.core.types import Field
from tulip_ops.fields.matching import assign
from tulip_ops.fields.season_fields import SeasonField
from tulip_ops.raster.projection import geodesic_area

EAST, NORTH = 5.7, 52.7
METRE = 1e-5  # about, in degrees; the shapes below only need proportions
TILES = ("31UFT", "31UFU", "31UGT", "31UGU")


def ground(left: float, bottom: float, right: float, top: float) -> Polygon:
    """A rectangle with its corners in metres from a place in the polder, roughly."""
    return box(
        EAST + left * METRE, NORTH + bottom * METRE, EAST + right * METRE, NORTH + top * METRE
    )


A, B = ground(0, 0, 200, 600), ground(200, 0, 400, 600)
BOTH = ground(0, 0, 400, 600)


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
