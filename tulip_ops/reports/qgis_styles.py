"""How QGIS draws our layers: styles as QML.

Colours are distinguishable with any colour vision (Okabe and Ito's palette); not seen is grey and
hatched, and fields that are doubtful are hatched in the colour of bloom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import quoteattr


class LegendEntry(NamedTuple):
    """How one value of a column is drawn."""

    value: str
    label: str
    colour: str
    """Red, green, blue, alpha, 0 to 255 each, with commas."""
    pattern: str = "solid"
    """A brush of Qt: solid, f_diagonal, no."""


_BLOOM, _GREEN, _GREY = "213,94,0,190", "86,180,233,170", "90,90,90,255"
_SEASON = (
    LegendEntry("bloomed", "bloomed", _BLOOM),
    LegendEntry("doubtful", "bloomed, doubtful (confidence below 0.5)", _BLOOM, "b_diagonal"),
    LegendEntry("not_bloomed", "not bloomed", _GREEN),
    LegendEntry("not_seen", "not seen", _GREY, "f_diagonal"),
)
_DAY = (
    LegendEntry("bloom", "in bloom", _BLOOM),
    LegendEntry("no_bloom", "not in bloom", _GREEN),
    LegendEntry("not_seen", "not seen", _GREY, "f_diagonal"),
)
_KIND = (
    LegendEntry("false", "satellite", "204,121,167,120"),
    LegendEntry("true", "simulated", "204,121,167,255", "b_diagonal"),
)
_STYLES: Mapping[str, tuple[str, str, Sequence[LegendEntry]]] = {
    "fields": ("simulated", "bool", _KIND),
    "bloom_history": (
        """case when "doubtful" then 'doubtful' else "verdict" end""",
        "string",
        _SEASON,
    ),
    "detections": ("simulated", "bool", _KIND),
    "observations": ("verdict", "string", _DAY),
}
"""By layer, the column or expression that decides, its type, and the style of each value."""


def styles(layers: Sequence[str]) -> dict[str, str]:
    """QML by layer."""
    return {layer: style(*_STYLES[layer]) for layer in layers}


def style(deciding: str, kind: str, entries: Sequence[LegendEntry]) -> str:
    """QML that colours polygons by a column or an expression; kind: string or bool."""
    categories = "".join(
        f'<category symbol="{number}" type="{kind}" value={quoteattr(look.value)}'
        f' label={quoteattr(look.label)} render="true"/>'
        for number, look in enumerate(entries)
    )
    symbols = "".join(_symbol(number, look) for number, look in enumerate(entries))
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
        '<qgis version="3.28.0" styleCategories="Symbology">'
        f'<renderer-v2 type="categorizedSymbol" attr={quoteattr(deciding)} enableorderby="0"'
        ' forceraster="0" symbollevels="0">'
        f"<categories>{categories}</categories><symbols>{symbols}</symbols>"
        "</renderer-v2></qgis>"
    )


def _symbol(number: int, entry: LegendEntry) -> str:
    options = {
        "color": entry.colour,
        "style": entry.pattern,
        "outline_color": "60,60,60,255",
        "outline_style": "solid",
        "outline_width": "0.2",
        "outline_width_unit": "MM",
        "joinstyle": "bevel",
    }
    rows = "".join(
        f'<Option name={quoteattr(name)} value={quoteattr(value)} type="QString"/>'
        for name, value in options.items()
    )
    return (
        f'<symbol name="{number}" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">'
        '<layer class="SimpleFill" enabled="1" locked="0" pass="0">'
        f'<Option type="Map">{rows}</Option></layer></symbol>'
    )
