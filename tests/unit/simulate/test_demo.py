"""The demo archive: places, dates, weather and rotation."""

from datetime import UTC, date

import numpy as np
import pytest
import shapely

from tulip_ops.fields.phenology import bloom_curves
from tulip_ops.fields.phenology.bloom_curves import ClearDays
from tulip_ops.fields.phenology.season import MIN_DETECTION_PROBABILITY
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.simulate import DEMO_SEASONS, SimulatedOverpass, demo_archive, demo_areas, demo_dates
from tulip_ops.simulate.demo import DEMO_GRID

WINDOW = ("03-20", "06-05")


@pytest.fixture(scope="module")
def archive() -> list[SimulatedOverpass]:
    return list(demo_archive())


def test_every_season_has_five_overpasses_in_its_bloom(archive: list[SimulatedOverpass]) -> None:
    assert [overpass.id.day for overpass in archive] == demo_dates()
    for season in DEMO_SEASONS:
        days = [day for day in demo_dates() if day.year == season]
        assert len(days) == 5
        assert date(season, 3, 25) < days[0] < days[-1] < date(season, 5, 20)


def test_every_overpass_is_labelled_simulated(archive: list[SimulatedOverpass]) -> None:
    for overpass in archive:
        assert overpass.id.simulated
        assert overpass.id.tile == "31UFU"
        assert overpass.sensed_at.tzinfo is UTC
        assert overpass.sensed_at.date() == overpass.id.day
        assert overpass.scene.reflectance.shape == (10, *overpass.grid.shape)


def test_areas_lie_inside_the_scenes() -> None:
    scene = shapely.box(*DEMO_GRID.bounds)
    assert [area.name for area in demo_areas()] == ["creil", "espel"]
    for area in demo_areas():
        outline = project(area.geometry, WGS84, DEMO_GRID.epsg)
        assert scene.buffer(-100).contains(outline)
        assert outline.area == pytest.approx(2500 * 2500, rel=0.01)


def test_each_season_has_three_clear_days_and_one_hardly_or_not_to_be_seen(
    archive: list[SimulatedOverpass],
) -> None:
    for season in DEMO_SEASONS:
        hidden = [_hidden(one) for one in archive if one.id.season == season]
        assert sum(share == 0 for share in hidden) == 3
        assert sum(0 < share < 0.5 for share in hidden) == 1
        assert sum(share > 0.6 for share in hidden) == 1


def test_clouds_of_one_day_decide_what_was_not_seen(archive: list[SimulatedOverpass]) -> None:
    for season in DEMO_SEASONS:
        of_season = [one for one in archive if one.id.season == season]
        clear = {one.id.day for one in of_season if _hidden(one) == 0}
        patterns = [
            ClearDays(
                tuple(day for day in sorted(clear) if not bloom.onset <= day <= bloom.end),
                tuple(day for day in sorted(clear) if bloom.onset <= day <= bloom.end),
            )
            for bloom in of_season[0].scene.truth.blooms.values()
        ]
        begins = bloom_curves.estimate_onset(
            [one for one in patterns if one.flowers], season, WINDOW
        )
        (partly,) = (one.id.day for one in of_season if 0 < _hidden(one) < 0.5)
        assert (
            bloom_curves.detection_probability(clear, season, WINDOW, begins)
            < MIN_DETECTION_PROBABILITY
        )
        assert (
            bloom_curves.detection_probability(clear | {partly}, season, WINDOW, begins)
            > MIN_DETECTION_PROBABILITY
        )


def _hidden(overpass: SimulatedOverpass) -> float:
    """Share of the scene under clouds or in their shadow."""
    truth = overpass.scene.truth
    return float(((truth.cloud > 0.1) | (truth.shadow > 0.2)).mean())


def test_tulips_come_go_stay_and_return(archive: list[SimulatedOverpass]) -> None:
    first, second, third = (
        {
            parcel
            for overpass in archive
            if overpass.id.season == season
            for parcel in np.unique(overpass.scene.truth.fields).tolist()
            if parcel >= 0
        }
        for season in DEMO_SEASONS
    )
    assert len(second - first) > len(second) / 2
    assert len(first - second) > len(first) / 2
    assert first & second
    assert (first & third) - second


def test_the_same_seed_gives_the_same_archive(archive: list[SimulatedOverpass]) -> None:
    again = next(iter(demo_archive()))
    assert again.sensed_at == archive[0].sensed_at
    assert again.scene.reflectance.tobytes() == archive[0].scene.reflectance.tobytes()
