"""The sides of numbered pixels, against a look at every pixel and its four neighbours."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tulip_ops.fields.delineation import label_edges

sides = st.integers(1, 9)
numbers = arrays.arrays(np.int32, st.tuples(sides, sides), elements=st.integers(-1, 2))
STEPS = ((-1, 0), (0, -1), (1, 0), (0, 1))


@given(numbers)
@example(np.array([[-1, -1], [0, -1]], np.int32))
@example(np.array([[0, 0], [0, -1]], np.int32))
def test_sides_are_those_behind_which_another_number_lies(labels: np.ndarray) -> None:
    height, width = labels.shape
    expected: list[list[tuple[int, int]]] = [[], [], [], []]
    for row, column in np.argwhere(labels >= 0).tolist():
        for found, (down, right) in zip(expected, STEPS, strict=True):
            y, x = row + down, column + right
            is_inside = 0 <= y < height and 0 <= x < width
            if not is_inside or labels[y, x] != labels[row, column]:
                found.append((row * width + column, y * width + x if is_inside else -1))

    ours = label_edges.label_edges(labels, label_edges.labelled_pixels(labels))

    assert [list(zip(*map(np.ndarray.tolist, side), strict=True)) for side in ours] == expected


@given(arrays.arrays(bool, st.tuples(sides, sides)))
def test_the_pixel_on_the_east_follows_unless_a_row_ends(present: np.ndarray) -> None:
    follows = np.zeros(present.shape, dtype=bool)
    follows[:, :-1] = present[:, :-1] & present[:, 1:]

    ours = label_edges.east_follows(np.flatnonzero(present), present.shape[1])

    np.testing.assert_array_equal(ours, follows[present])
