from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from tulip_ops.ml.evaluation.evaluate import Case
from tulip_ops.reports import evaluation_plots


def pixels(path: Path) -> np.ndarray:
    return matplotlib.image.imread(path)[..., :3]


def has(picture: np.ndarray, colour: tuple[float, float, float], at_least: int) -> bool:
    return np.count_nonzero(np.abs(picture - colour).max(axis=-1) < 0.02) >= at_least


def test_a_contact_sheet_tells_the_four_outcomes_apart(tmp_path: Path) -> None:
    truth = np.zeros((8, 8), dtype=bool)
    truth[:, 4:] = True
    probability = np.where(np.arange(8)[:, None] < 4, 0.9, 0.1) * np.ones((8, 8))
    counted = np.ones((8, 8), dtype=bool)
    counted[7] = False
    image = np.full((64, 64, 3), 20, dtype=np.uint8)
    case = Case("one", image, truth, probability.astype(np.float32), counted, 0.5, 0.5, "a note")

    evaluation_plots.contact_sheet(tmp_path / "sheet.png", "title", [case, case])

    sheet = pixels(tmp_path / "sheet.png")
    for colour in ((0.18, 0.18, 0.18), (0.34, 0.71, 0.91), (0.90, 0.62, 0.0), (0.8, 0.8, 0.8)):
        assert has(sheet, colour, 1000), colour


def test_bars_stand_for_values_and_never_exceed_one(tmp_path: Path) -> None:
    groups = {"a": {"x": (0.5, 0.4, 0.6), "y": (1.0, None, None)}, "b": {"x": (0.0, None, None)}}

    evaluation_plots.comparison(tmp_path / "bars.png", "title", "share", groups)

    picture = pixels(tmp_path / "bars.png")
    blue, orange = ((0.0, 0.447, 0.698), (0.835, 0.369, 0.0))
    assert has(picture, blue, 1000)
    assert has(picture, orange, 1000)
    tall = np.abs(picture - orange).max(axis=-1) < 0.02
    short = np.abs(picture - blue).max(axis=-1) < 0.02
    assert tall.any(axis=1).sum() > 1.5 * short.any(axis=1).sum()


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_curves_are_drawn_however_few_their_points(tmp_path: Path, rows: int) -> None:
    curve = np.linspace(0.1, 0.9, rows * 3).reshape(rows, 3)

    evaluation_plots.precision_recall(tmp_path / "curve.png", {"tulip": curve}, {"tulip": 0.5})
    evaluation_plots.reliability(
        tmp_path / "reliability.png", {"tulip": np.array([[0.1, 0.2, 3.0]])}
    )
    evaluation_plots.confusion(
        tmp_path / "confusion.png", {"tulip": np.zeros(4), "bloom": np.ones(4)}
    )

    for name in ("curve", "reliability", "confusion"):
        assert pixels(tmp_path / f"{name}.png").shape[1] > 300
