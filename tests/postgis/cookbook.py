"""The small polder that docs/reference/sql-cookbook.md queries, and how its results are written.

    python -m tests.postgis.cookbook URL

writes the page anew with the answers of the database at URL, which must be migrated and empty.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from shapely.geometry import Polygon

from tests.postgis.conftest import Examples
from tests.postgis.histories import FieldsOfDetections
from tulip_ops.core.processing_settings import FieldSettings
from tulip_ops.core.types import AcquisitionId, Observation, SeasonDetection, Verdict
from tulip_ops.pipeline import history as histories
from tulip_ops.postgis import areas, ledger
from tulip_ops.postgis.connection import Connection, connect
from tulip_ops.postgis.observations import Unobserved

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sql-cookbook.md"
BLOCK = re.compile(r"```sql\n(?P<sql>.*?)```\n\n```text\n(?P<answer>.*?)```", re.DOTALL)

PLANTED = {2022: (0, 1), 2023: (2, 3), 2024: (0, 4), 2025: (0, 2)}
"""Places with tulips by season."""
DAYS = tuple(date(2022, month, day) for month, day in (
    (4, 1), (4, 8), (4, 16), (4, 26), (5, 4), (5, 11), (5, 18)
))  # fmt: skip
"""Looks of 2022; the same in the other seasons, a day later each year."""
CLOUDED = {(2023, 2), (2023, 4), (2025, 6)}
"""Looks that are skipped as too cloudy, by season and number."""
HIDDEN = (5, 2024)
"""The place that a cloud hides on every look of a season."""
FRACTIONS = (0.0, 0.0, 0.25, 0.5, 0.0, 0.0, 0.0)
AREAS = {"polder": range(4), "coast": (5,)}
"""Places by area: place 4 lies outside both."""
DOUBTFUL = 3
"""The place that resembles tulips no more than other crops do."""
AT_THE_EDGE = 5
"""The place that reaches the edge of the ground that was seen."""

OLDER = """
with older as (
    insert into tulip.model (name, version, sha256)
    values ('unet-ten', '0.9', repeat('c', 64)) returning model_id
)
insert into tulip.past_field_season (
    unet_id, field_id, season, simulated, verdict, clear_looks, area_m2, onset_earliest,
    onset_latest, peak, end_earliest, end_latest, confidence, geometry, drawn_from
)
select
    m.model_id, s.field_id, s.season, f.simulated, s.verdict, s.clear_looks,
    s.area_m2 * m.share, s.onset_earliest, s.onset_latest, s.peak, s.end_earliest, s.end_latest,
    s.confidence, f.geometry, m.drawn_from
from tulip.field_season s
join tulip.field f using (field_id)
cross join (
    select model_id, 'evidence' as drawn_from, 0.9 as share from older
    union all
    select unet_id, 'detections', 1.05 from (select distinct unet_id from tulip.acquisition) as u
    where unet_id is not null
) as m
where s.season = 2022
"""
"""What 2022 said by an older model, and before fields were drawn from all looks together."""


class Seen(FieldsOfDetections):
    """What each look says of each field."""

    def drawn(self, outline: Polygon, area_m2: float) -> SeasonDetection:
        place = _place(outline)
        probability = 0.625 if place == DOUBTFUL else 0.875 + 0.015625 * place
        return SeasonDetection(outline, area_m2, probability, touches_edge=place == AT_THE_EDGE)

    def observations(self, unobserved: Sequence[Unobserved]) -> list[Observation]:
        return [_say(pair, field) for pair in unobserved for field in pair.fields]


def _say(pair: Unobserved, field: object) -> Observation:
    season, number = pair.acquisition_id.season, _number(pair.acquisition_id)
    place = _place(field.geometry)  # type: ignore[attr-defined]
    field_id: int = field.id  # type: ignore[attr-defined]
    if pair.skipped or (place, season) == HIDDEN:
        return Observation(field_id, pair.acquisition_id, Verdict.NOT_SEEN, 0.0, None, None)
    share = FRACTIONS[number] if place in PLANTED[season] or (place, season) == (5, 2022) else 0.0
    verdict = Verdict.BLOOM if share else Verdict.NO_BLOOM
    probability = 0.875 if share else 0.125
    return Observation(field_id, pair.acquisition_id, verdict, 1.0, probability, share)


def _place(outline: Polygon) -> int:
    return round((outline.bounds[0] - 5.70) / 0.01)


def _number(acquisition_id: AcquisitionId) -> int:
    shift = timedelta(days=acquisition_id.season - 2022)
    return DAYS.index((acquisition_id.day - shift).replace(year=2022))


def fill(connection: Connection) -> None:
    """Four seasons with seven looks each over the places 0 to 5 of `Examples`."""
    texts = {
        (season, number): f"SIM_31UFU_{day.replace(year=season) + shift:%Y%m%d}_0_L2A"
        for season in PLANTED
        for shift in [timedelta(days=season - 2022)]
        for number, day in enumerate(DAYS)
    }
    for name, places in AREAS.items():
        areas.add_area(connection, Examples.area(name, places))
    acquisitions = [Examples.acquisition(text) for text in texts.values()]
    ledger.admit(connection, acquisitions, {a.id: sorted(AREAS) for a in acquisitions})
    for (season, number), text in texts.items():
        if (season, number) in CLOUDED:
            Examples.skip(connection, text)
            continue
        shown = [*PLANTED[season], *([5] if season == 2022 else [])]
        Examples.record(connection, text, shown if FRACTIONS[number] else [])
    chosen = FieldSettings(bloom_window=("03-20", "06-05"))
    histories.bring_up_to_date(connection, chosen, [], Seen(connection))
    connection.execute(OLDER)


def answer(connection: Connection, sql: str) -> str:
    """The answer in aligned columns."""
    cursor = connection.execute(sql.encode())
    assert cursor.description is not None
    lines = [[column.name for column in cursor.description]]
    lines += [["-" if value is None else str(value) for value in row] for row in cursor.fetchall()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def main(url: str) -> None:
    with connect(url, "cookbook") as connection:
        fill(connection)
        PAGE.write_text(
            BLOCK.sub(
                lambda block: (
                    f"```sql\n{block['sql']}```\n\n```text\n{answer(connection, block['sql'])}```"
                ),
                PAGE.read_text(),
            )
        )


if __name__ == "__main__":
    main(sys.argv[1])
