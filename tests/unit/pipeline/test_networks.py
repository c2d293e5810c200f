"""Outputs of networks that other processes computed."""

import numpy as np
import pytest

from tulip_ops.core.errors import ProductDamaged
from tulip_ops.pipeline import networks

PIXELS = np.zeros((1, 3, 32, 32), dtype=np.float32)


def test_answers_are_given_in_the_order_of_the_windows() -> None:
    said = {number: {"cell": np.full((2, 2), number, np.float32)} for number in (7, 0, 3)}
    run = networks.replay(said)
    given = [run(PIXELS)["cell"] for _ in said]
    assert [values.shape for values in given] == [(1, 2, 2)] * 3
    assert [values[0, 0, 0] for values in given] == [0, 3, 7]


def test_more_windows_than_were_asked_are_an_error() -> None:
    run = networks.replay({})
    with pytest.raises(ProductDamaged, match="changed between the planning"):
        run(PIXELS)
