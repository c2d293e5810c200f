from datetime import date

import pytest
import shapely

from tulip_ops.core.errors import BadAcquisitionId, BadArea
from tulip_ops.core.types import AcquisitionId, Area

SQUARE = shapely.MultiPolygon([shapely.box(5.6, 52.7, 5.7, 52.8)])


def test_an_id_is_taken_apart_and_spelled_again() -> None:
    text = "S2B_31UFU_20260420_0_L2A"
    parsed = AcquisitionId.parse(text)
    assert parsed == AcquisitionId("S2B", "31UFU", date(2026, 4, 20), 0, "L2A")
    assert str(parsed) == text
    assert parsed.season == 2026
    assert not parsed.simulated


def test_the_simulator_s_ids_say_so() -> None:
    assert AcquisitionId.parse("SIM_31UFU_20260420_0_L2A").simulated


@pytest.mark.parametrize(
    "text",
    [
        "",
        "S2B_31UFU_20260420_0",
        "S2E_31UFU_20260420_0_L2A",
        "S2B_61UFU_20260420_0_L2A",
        "S2B_31IFU_20260420_0_L2A",
        "S2B_31UFU_20260231_0_L2A",
        "S2B_31UFU_20260420_0_L2A\n",
        "../S2B_31UFU_20260420_0_L2A",
    ],
)
def test_what_is_no_id_is_refused_with_the_text_in_the_message(text: str) -> None:
    with pytest.raises(BadAcquisitionId) as caught:
        AcquisitionId.parse(text)
    assert repr(text) in str(caught.value)


def test_an_area_has_a_usable_name_and_lies_on_the_earth() -> None:
    assert Area("noordoostpolder", SQUARE).name == "noordoostpolder"
    with pytest.raises(BadArea, match="cannot name an area"):
        Area("Noord Oost", SQUARE)
    with pytest.raises(BadArea, match="declare its CRS"):
        Area("metres", shapely.MultiPolygon([shapely.box(170000, 520000, 171000, 521000)]))
    with pytest.raises(BadArea, match="empty or invalid"):
        Area("nothing", shapely.MultiPolygon())
