import pytest
from shapely.geometry import Polygon, box

from tulip_ops.core.types import SeasonDetection
from tulip_ops.fields.season_fields import cluster, match_parcels
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


class TestParcels:
    PARCELS = ((7, A, geodesic_area(A)), (8, B, geodesic_area(B)))

    def test_a_parcel_that_is_covered_enough_is_a_field(self):
        half, strip = ground(0, 0, 200, 300), ground(200, 0, 400, 100)
        (field,) = match_parcels(self.PARCELS, season([half, strip]))
        assert (field.parcel_id, field.geometry) == (7, A)
        assert field.detection_ids == (0,)
        assert field.evidence is not None
        assert field.evidence.detected_area_m2 == pytest.approx(geodesic_area(half), rel=1e-3)

    def test_what_two_tiles_show_counts_once(self):
        west, east = ground(0, 0, 150, 600), ground(20, 0, 200, 600)
        (field,) = match_parcels(self.PARCELS, season([west], [east]))
        assert field.detection_ids == (0, 1)
        assert field.evidence is not None
        assert field.evidence.detected_area_m2 == pytest.approx(geodesic_area(east), rel=1e-3)

    def test_a_parcel_is_as_sure_as_what_lies_on_it(self):
        sure = SeasonDetection(ground(0, 0, 200, 300), 1.0, 0.98)
        doubtful = SeasonDetection(ground(0, 300, 200, 600), 1.0, 0.68, touches_edge=True)
        (field,) = match_parcels(self.PARCELS, [(0, "31UFU", sure), (1, "31UFU", doubtful)])
        assert field.evidence is not None
        assert field.evidence.tulip_probability == pytest.approx(0.83)
        assert field.evidence.touches_edge
