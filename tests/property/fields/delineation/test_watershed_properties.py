import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tulip_ops.fields.delineation import basins, watershed
from tulip_ops.fields.delineation import noise as probability_noise
from tulip_ops.fields.delineation.polygonize import polygonize
from tulip_ops.fields.delineation.watershed import segment_fields
from tulip_ops.raster import rasterize
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import ProbabilityRaster, decode_probability

sides = st.integers(1, 16)
stored = arrays.arrays(
    np.uint8, st.tuples(sides, sides), elements=st.sampled_from([0, 120, 180, 181, 250, 255])
)
steps = st.integers(0, 10).map(lambda n: n / 10) | st.just(float("nan"))
probabilities = arrays.arrays(np.float32, st.tuples(sides, sides), elements=steps.map(np.float32))
smallest = st.sampled_from([0, 3, 30])


def grid_of(array: np.ndarray) -> Grid:
    return Grid(32631, 600_000.0, 5_900_040.0, array.shape[1], array.shape[0])


@given(probabilities, smallest)
def test_fields_are_pieces_of_what_reaches_the_threshold(tulip, least):
    labels = segment_fields(ProbabilityRaster(tulip), threshold=0.5, smallest=least)
    assert labels.shape == tulip.shape
    assert (tulip[labels >= 0] >= 0.5).all()
    assert set(np.unique(labels[labels >= 0])) == set(range(labels.max() + 1))
    for number in range(labels.max() + 1):
        assert tulip[labels == number].mean() >= 0.625 - 1e-6
    assert (segment_fields(ProbabilityRaster(tulip), threshold=0.5, smallest=least) == labels).all()


@given(probabilities, smallest)
def test_unsimplified_outlines_give_the_fields_back(tulip, least):
    grid = grid_of(tulip)
    labels = segment_fields(ProbabilityRaster(tulip), threshold=0.5, smallest=least)
    outlines = polygonize(labels, grid)
    assert len(outlines) == labels.max() + 1
    assert (rasterize.polygons_to_labels(outlines, grid) == labels).all()


@given(stored, smallest)
def test_stored_steps_are_parted_as_what_they_stand_for(steps, least):
    plain = decode_probability(steps)
    ours = segment_fields(ProbabilityRaster(steps), threshold=0.5, smallest=least)
    assert (ours == segment_fields(ProbabilityRaster(plain), threshold=0.5, smallest=least)).all()
    around = np.pad(steps, 1, mode="edge")
    assert probability_noise.noise(ProbabilityRaster(around), 0.5) == probability_noise.noise(
        ProbabilityRaster(decode_probability(around)), 0.5
    )


@given(stored)
def test_smoothed_is_the_weighted_mean_of_what_was_seen_around(steps):
    pixels = np.flatnonzero(steps < 255)
    assume(len(pixels))
    around = np.pad(decode_probability(steps).astype(float), 1, mode="edge")
    weights = np.outer([1, 2, 1], [1, 2, 1])
    expected = []
    for row, column in np.argwhere(steps < 255):
        block = around[row : row + 3, column : column + 3]
        seen = np.isfinite(block)
        expected.append((block[seen] * weights[seen]).sum() / weights[seen].sum())
    smoothed = watershed._smoothed(ProbabilityRaster(steps), pixels)
    assert np.allclose(smoothed, expected, rtol=1e-12, atol=0)


@given(stored)
def test_the_steepest_way_up_leads_to_the_highest_and_last_neighbour(steps):
    pixels = np.flatnonzero(steps < 255)
    assume(len(pixels))
    place = np.full(steps.shape, -1, dtype=np.int32)
    place.ravel()[pixels] = np.arange(len(pixels))
    height = steps.ravel()[pixels].astype(np.float64)
    expected = []
    for here in range(len(pixels)):
        summit, above = -1, here
        while summit != above:
            summit = above
            row, column = divmod(int(pixels[summit]), steps.shape[1])
            cross = np.pad(place, 1, constant_values=-1)[row : row + 3, column : column + 3]
            ways = [int(way) for way in cross.ravel()[[1, 3, 4, 5, 7]] if way >= 0]
            above = max(ways, key=lambda way: (height[way], way))
        expected.append(summit)
    assert basins.basin_of(height, basins.neighbours(pixels, place)).tolist() == expected


@given(stored, st.integers(1, 6))
def test_noise_of_parts_that_share_two_rows_is_that_of_the_whole(steps, rows):
    noise = probability_noise.Noise(0.3)
    for first in range(0, len(steps), rows):
        noise.add(ProbabilityRaster(steps[max(first - 2, 0) : first + rows]))

    assert noise.deviation == probability_noise.noise(ProbabilityRaster(steps), 0.3)
