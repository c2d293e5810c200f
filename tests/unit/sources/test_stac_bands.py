import pytest

from tulip_ops.sources.stac_bands import common_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("B02", "blue"),
        ("b8a", "nir08"),
        ("B08_10m", "nir"),
        ("rededge", None),
        ("rededge078", "rededge3"),
        ("SWIR16", "swir16"),
        ("B01", None),
        ("scl", None),
        ("", None),
    ],
)
def test_bands_are_known_by_all_their_names(text: str, name: str | None) -> None:
    assert common_name(text) == name
