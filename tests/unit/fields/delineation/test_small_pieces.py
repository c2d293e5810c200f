from shapely.geometry import box

from tulip_ops.fields.delineation.small_pieces import without_small_pieces


def test_small_pieces_and_slivers_are_left_out() -> None:
    large = box(600_000, 5_899_000, 600_200, 5_899_200)
    small = box(600_300, 5_899_000, 600_350, 5_899_050)
    sliver = box(600_400, 5_898_000, 600_410, 5_899_000)
    kept = without_small_pieces([small, large, sliver], resolution=10, minimum_area=3000)
    assert [piece.equals(large) for piece in kept] == [True]


def test_holes_are_kept_and_tiny_ones_filled() -> None:
    outline = box(600_000, 5_899_000, 600_400, 5_899_400)
    yard = box(600_100, 5_899_100, 600_150, 5_899_150)
    speck = box(600_300, 5_899_300, 600_320, 5_899_320)
    (kept,) = without_small_pieces([outline - yard - speck], resolution=10, minimum_area=3000)
    assert kept.equals(outline - yard)


def test_nothing_in_nothing_out() -> None:
    assert without_small_pieces([], resolution=10, minimum_area=3000) == []
    assert without_small_pieces([box(0, 0, 10, 10)], resolution=10, minimum_area=3000) == []
