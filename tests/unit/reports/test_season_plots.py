"""Charts are valid files that show what they are given."""

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from tulip_ops.core.types import SeasonVerdict, Verdict
from tulip_ops.raster.grid import Grid

pytest.importorskip("matplotlib", reason="pictures are an optional extra")

from matplotlib import image

from tulip_ops.reports import plotting, season_plots

GRID = Grid(32631, 660_000.0, 5_840_040.0, 80, 60)
BLOOMED = plotting.VERDICTS[SeasonVerdict.BLOOMED]
RING = Polygon(
    box(660_100, 5_839_600, 660_400, 5_839_900).exterior,
    [box(660_200, 5_839_700, 660_300, 5_839_800).exterior],
)


def words(svg: bytes) -> str:
    root = ET.fromstring(svg)  # noqa: S314 - drawn by us
    return " ".join(
        element.text or "" for element in root.iter() if element.tag.endswith(("text", "tspan"))
    )


def shown(png: bytes, x: float, y: float) -> np.ndarray:
    """Red, green and blue at a place of the map."""
    pixels = image.imread(io.BytesIO(png))
    left, bottom, right, top = GRID.bounds
    column = int((x - left) / (right - left) * pixels.shape[1])
    row = int((top - y) / (top - bottom) * pixels.shape[0])
    return pixels[row, column, :3]


def test_a_map_colours_fields_by_verdict_and_leaves_their_holes() -> None:
    rgb = np.full((3, *GRID.shape), 0.1, np.float32)
    png = season_plots.season_map([(RING, BLOOMED)], [], GRID, rgb)
    assert shown(png, 660_150, 5_839_650) == pytest.approx([0xD5 / 255, 0x5E / 255, 0], abs=0.02)
    hole, outside = shown(png, 660_250, 5_839_750), shown(png, 660_600, 5_839_900)
    assert hole == pytest.approx(outside, abs=0.02)
    plain = season_plots.season_map([(RING, BLOOMED)], [box(*GRID.bounds)], GRID)
    assert shown(plain, 660_600, 5_839_900) == pytest.approx([1, 1, 1])


def test_a_field_calendar_names_fields_and_days() -> None:
    bars = [
        season_plots.Bar(
            "17", (110, 120), (105, None), {100: Verdict.NO_BLOOM, 115: Verdict.NOT_SEEN}
        ),
        season_plots.Bar("23", (112, 112), (None, 118), {112: Verdict.BLOOM}),
    ]
    said = words(season_plots.field_calendar(2024, bars))
    assert "17" in said
    assert "23" in said
    assert "15 Apr" in said


def test_a_group_calendar_names_groups() -> None:
    days = {110: {Verdict.BLOOM: 2, Verdict.NO_BLOOM: 1}, 120: {Verdict.NOT_SEEN: 3}}
    assert "below 1 ha" in words(
        season_plots.group_calendar(2024, [season_plots.Group("below 1 ha", days)])
    )


def test_hectares_tell_none_from_nothing() -> None:
    said = words(season_plots.hectares({2024: 0.0, 2025: None, 2026: 12.34}))
    assert re.findall(r"not seen|\d+\.\d(?= |$)", said)[-3:] == ["0.0", "not seen", "12.3"]


def test_changes_are_named() -> None:
    said = words(season_plots.changes({2024: {"new": 3}, 2025: {"gone": 2, "unknown": 1}}))
    assert {"new", "gone", "unknown", "2024", "2025"} <= set(said.split())
    assert "continuing" not in said


def test_the_same_chart_is_the_same_bytes() -> None:
    assert season_plots.hectares({2024: 1.0}) == season_plots.hectares({2024: 1.0})
