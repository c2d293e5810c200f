from dataclasses import replace
from typing import Any

import pytest

from tulip_ops.core.errors import AreaNotFound
from tulip_ops.postgis import areas, ledger
from tulip_ops.postgis.connection import Connection


def test_an_area_comes_back_as_it_went(database: Connection, examples: Any) -> None:
    area = examples.area("noordoostpolder")
    assert areas.add_area(database, area)
    assert areas.list_areas(database) == [area]
    assert areas.get_areas(database, ["noordoostpolder"]) == [area]


def test_all_areas_by_name(database: Connection, examples: Any) -> None:
    for name in ("north", "east"):
        areas.add_area(database, examples.area(name))
    assert [area.name for area in areas.get_areas(database, None)] == ["east", "north"]


def test_the_same_area_again_touches_no_row(database: Connection, examples: Any, dump: Any) -> None:
    areas.add_area(database, examples.area())
    before = dump(database)
    assert not areas.add_area(database, examples.area())
    assert dump(database) == before


def test_an_area_with_other_sources_keeps_its_links(database: Connection, examples: Any) -> None:
    (acquisition_id,) = examples.admit(database, "S2B_31UFU_20240420_0_L2A")
    chosen = replace(examples.area(), sources=("earth-search", "archive"))
    assert areas.add_area(database, chosen)
    assert areas.list_areas(database) == [chosen]
    entry = ledger.entry(database, acquisition_id)
    assert entry is not None
    assert entry.areas == ("polder",)
    assert areas.add_area(database, examples.area())
    assert areas.list_areas(database) == [examples.area()]
    assert not areas.add_area(database, examples.area())


def test_an_area_with_new_ground_is_carried_anew(database: Connection, examples: Any) -> None:
    text = "S2B_31UFU_20240420_0_L2A"
    examples.admit(database, text)
    examples.record(database, text, [0])
    assert areas.add_area(database, examples.area("polder", range(20)))
    entry = ledger.entry(database, examples.id(text))
    assert entry is not None
    assert entry.areas == ()
    acquisition = examples.acquisition(text)
    assert ledger.admit(database, [acquisition], {acquisition.id: ["polder"]}) == []
    assert ledger.pending(database, [acquisition.id]) == [acquisition.id]


def test_a_missing_area_is_named_beside_the_known_ones(database: Connection, examples: Any) -> None:
    with pytest.raises(AreaNotFound, match="no area is called atlantis; known are none yet"):
        areas.get_areas(database, ["atlantis"])
    areas.add_area(database, examples.area())
    with pytest.raises(AreaNotFound, match="no area is called atlantis; known are polder"):
        areas.get_areas(database, ["polder", "atlantis"])
    with pytest.raises(AreaNotFound, match="no area is called atlantis; known are polder"):
        areas.remove_area(database, "atlantis")


def test_removing_an_area_keeps_what_was_recorded(database: Connection, examples: Any) -> None:
    text = "S2B_31UFU_20240420_0_L2A"
    examples.admit(database, text)
    examples.record(database, text, [0, 1])
    areas.remove_area(database, "polder")
    entry = ledger.entry(database, examples.id(text))
    assert entry is not None
    assert (entry.state, entry.areas) == ("recorded", ())
    assert database.execute("select count(*) from tulip.detection").fetchone() == (2,)
