"""The demo archive: places, dates, weather and rotation."""

from datetime import UTC, date

import numpy as np
import pytest
import shapely

from tulip_ops.grid import WGS84, project
from tulip_ops.simulate import DEMO_SEASONS, Overpass, demo_archive, demo_areas, demo_dates
from tulip_ops.simulate.demo import DEMO_GRID


@pytest.fixture(scope="module")
def archive() -> list[Overpass]:
    return list(demo_archive())


def test_every_season_has_five_overpasses_in_its_bloom(archive: list[Overpass]) -> None:
    assert [overpass.id.day for overpass in archive] == demo_dates()
    for season in DEMO_SEASONS:
        days = [day for day in demo_dates() if day.year == season]
        assert len(days) == 5
        assert date(season, 3, 25) < days[0] < days[-1] < date(season, 5, 20)


def test_every_overpass_is_labelled_simulated(archive: list[Overpass]) -> None:
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


def test_each_season_has_one_overcast_and_at_least_two_clear_days(archive: list[Overpass]) -> None:
    for season in DEMO_SEASONS:
        truths = [overpass.scene.truth for overpass in archive if overpass.id.season == season]
        hidden = [float(((t.cloud > 0.1) | (t.shadow > 0.2)).mean()) for t in truths]
        assert sum(share > 0.99 for share in hidden) == 1
        assert sum(share == 0 for share in hidden) >= 2
        assert any(0 < share < 0.8 for share in hidden)


def test_tulips_come_go_stay_and_return(archive: list[Overpass]) -> None:
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


def test_the_same_seed_gives_the_same_archive(archive: list[Overpass]) -> None:
    again = next(iter(demo_archive()))
    assert again.sensed_at == archive[0].sensed_at
    assert again.scene.reflectance.tobytes() == archive[0].scene.reflectance.tobytes()
