"""The newest processing of an overpass counts, and the order of arrival decides nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from shapely.geometry import MultiPolygon, box

from tests.postgis.histories import FieldsOfDetections
from tulip_ops.core.processing_settings import FieldSettings
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings, StorageSettings
from tulip_ops.core.types import Observation, Verdict
from tulip_ops.pipeline import history as histories
from tulip_ops.postgis import areas, detections, ledger
from tulip_ops.postgis.connection import Connection, connect
from tulip_ops.postgis.observations import Unobserved
from tulip_ops.raster import cog, rasterize
from tulip_ops.raster.mgrs import tile_grid
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.storage import stac_items
from tulip_ops.storage.product_store import ProductStore
from tulip_ops.storage.products import TULIP

SETTINGS = FieldSettings(bloom_window=("03-20", "06-05"))
STRIPS = {
    "whole": (5.5, 7.0, frozenset(range(5))),
    "west": (5.5, 5.725, frozenset({0, 1, 2})),
    "east": (5.7195, 7.0, frozenset({2, 3, 4})),
}
"""West and east of a footprint, and the places under it. Both strips show place 2; neither covers
nine tenths of the other or of the whole."""


@dataclass(frozen=True)
class Scene:
    """One processing of one datastrip, and how it ends."""

    sequence: int
    day: int = 20
    baseline: str | None = None
    strip: str = "whole"
    end: str = "recorded"
    shows: frozenset[int] = frozenset()
    level: str = "L2A"

    @property
    def text(self) -> str:
        return f"S2B_31UFU_202404{self.day:02}_{self.sequence}_{self.level}"

    @property
    def rank(self) -> tuple[str, str, int]:
        return self.level, self.baseline or "", self.sequence

    @property
    def visible(self) -> frozenset[int]:
        return self.shows & STRIPS[self.strip][2]

    @property
    def says_something(self) -> bool:
        return self.end in {"recorded", "skipped"}


def arrive(database: Connection, examples: Any, scene: Scene) -> None:
    """Discover the scene and carry it to its end."""
    west, east, _ = STRIPS[scene.strip]
    acquisition = replace(
        examples.acquisition(scene.text),
        footprint=MultiPolygon([box(west, 52.2, east, 53.2)]),
        baseline=scene.baseline,
    )
    areas.add_area(database, examples.area())
    ledger.admit(database, [acquisition], {acquisition.id: ["polder"]})
    match scene.end:
        case "recorded":
            examples.record(database, scene.text, sorted(scene.visible))
        case "skipped":
            examples.skip(database, scene.text)
        case "failed":
            number = ledger.begin_attempt(database, acquisition.id, "acquire", "test")
            ledger.end_attempt(
                database, number, "failed", error="SourceUnavailable", message="silent"
            )


class Shown(FieldsOfDetections):
    """Looks that say what each scene shows."""

    def __init__(self, database: Connection, scenes: Sequence[Scene]) -> None:
        super().__init__(database)
        self.shown = {scene.text: scene.visible for scene in scenes}

    def observations(self, unobserved: Sequence[Unobserved]) -> list[Observation]:
        return [
            look(field.id, place(field.geometry), pair, self.shown[str(pair.acquisition_id)])
            for pair in unobserved
            for field in pair.fields
        ]


def roll_up(database: Connection, scenes: Sequence[Scene]) -> int:
    """What `tulip history` does; returns how many acquisitions were superseded or no longer are."""
    superseded = "select acquisition_id, superseded_by from tulip.acquisition"
    before = set(database.execute(superseded).fetchall())
    histories.bring_up_to_date(database, SETTINGS, [], Shown(database, scenes))
    return len(set(database.execute(superseded).fetchall()) - before)


def place(geometry: Any) -> int:
    return round((geometry.bounds[0] - 5.70) / 0.01)


def look(field_id: int, where: int, pair: Unobserved, shown: frozenset[int]) -> Observation:
    if pair.skipped:
        return Observation(field_id, pair.acquisition_id, Verdict.NOT_SEEN, 0.0, None, None)
    verdict = Verdict.BLOOM if where in shown else Verdict.NO_BLOOM
    return Observation(field_id, pair.acquisition_id, verdict, 1.0, 0.75, 0.25)


def outcome(database: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All that the arrival of these scenes leads to, without the identities of rows."""
    queries = {
        "acquisitions": "select acquisition_id, state, superseded_by from tulip.acquisition",
        "fields": "select st_astext(geometry), area_m2 from tulip.field",
        "outlines": "select st_astext(f.geometry), o.season, st_astext(o.geometry), o.area_m2"
        " from tulip.field_outline o join tulip.field f using (field_id)",
        "lineage": "select st_astext(p.geometry), st_astext(c.geometry), l.season, l.kind, l.share"
        " from tulip.lineage l join tulip.field p on p.field_id = l.parent_id"
        " join tulip.field c on c.field_id = l.child_id",
        "waiting": "select count(*) from tulip.change",
        "detections": "select acquisition_id, ordinal, st_astext(geometry) from tulip.detection",
        "seasons": "select st_astext(f.geometry), f.area_m2, s.verdict, s.clear_looks, s.area_m2,"
        " s.onset_earliest, s.onset_latest, s.peak, s.peak_earliest, s.peak_latest,"
        " s.end_earliest, s.end_latest, s.confidence"
        " from tulip.field_season s join tulip.field f using (field_id)",
        "looks": "select st_astext(f.geometry), o.acquisition_id, o.verdict"
        " from tulip.observation o join tulip.field f using (field_id)"
        " join tulip.acquisition a using (acquisition_id) where a.superseded_by is null",
        "links": "select st_astext(f.geometry), d.acquisition_id, d.ordinal"
        " from tulip.field_detection l join tulip.field f using (field_id)"
        " join tulip.detection d using (detection_id)",
        "summary": "select * from tulip.season_summary",
        "latest": "select acquisition_id from tulip.latest_acquisitions",
    }
    return {
        name: sorted(database.execute(query).fetchall(), key=repr)
        for name, query in queries.items()
    }


def expected_superseding(scenes: Sequence[Scene]) -> dict[str, str]:
    """By the words of the rule."""
    found = {}
    for scene in scenes:
        newer = [
            other
            for other in scenes
            if other.day == scene.day
            and other.rank > scene.rank
            and other.says_something
            and other.strip in {"whole", scene.strip}
        ]
        if newer:
            found[scene.text] = max(newer, key=lambda other: other.rank).text
    return found


@pytest.fixture(scope="module")
def shared(database_url: str) -> Iterator[Connection]:
    """One connection for all examples of a property."""
    with connect(database_url, "tests") as connection:
        yield connection


def empty(database: Connection) -> None:
    database.execute(
        "truncate tulip.area, tulip.acquisition, tulip.field, tulip.model, tulip.season_detection"
        " cascade"
    )


SCENES = st.lists(
    st.builds(
        Scene,
        sequence=st.integers(0, 3),
        day=st.sampled_from([20, 25]),
        baseline=st.sampled_from([None, "04.00", "05.11"]),
        strip=st.sampled_from(sorted(STRIPS)),
        end=st.sampled_from(["recorded", "recorded", "recorded", "skipped", "failed", "found"]),
        shows=st.frozensets(st.integers(0, 4)),
        level=st.sampled_from(["L1C", "L2A", "L2A"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda scene: scene.text,
)


@settings(max_examples=25)
@given(scenes=SCENES, data=st.data())
def test_the_order_of_arrival_decides_nothing(
    shared: Connection, examples: Any, scenes: list[Scene], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(scenes), label="order")
    flags = st.lists(st.booleans(), min_size=len(scenes), max_size=len(scenes))
    histories_follow = data.draw(flags, label="a history follows")
    empty(shared)
    for scene in scenes:
        arrive(shared, examples, scene)
    roll_up(shared, scenes)
    at_once = outcome(shared)
    superseded = {name: by for name, _, by in at_once["acquisitions"] if by is not None}
    assert superseded == expected_superseding(scenes)

    empty(shared)
    for scene, history_follows in zip(order, histories_follow, strict=True):
        arrive(shared, examples, scene)
        if history_follows:
            roll_up(shared, scenes)
    roll_up(shared, scenes)
    assert outcome(shared) == at_once
    assert roll_up(shared, scenes) == 0


def test_what_is_superseded_stays_and_no_longer_counts(database: Connection, examples: Any) -> None:
    old = Scene(0, baseline="04.00", shows=frozenset({0, 1}))
    new = Scene(1, baseline="05.11", shows=frozenset({1}))
    later = Scene(0, day=25, shows=frozenset({0, 1}))
    scenes = [old, new, later]
    for scene in (old, later):
        arrive(database, examples, scene)
    assert roll_up(database, scenes) == 0
    arrive(database, examples, new)
    assert roll_up(database, scenes) == 1
    found = outcome(database)
    assert {name for name, *_ in found["detections"]} == {scene.text for scene in scenes}
    kept = database.execute("select distinct acquisition_id from tulip.observation").fetchall()
    assert {name for (name,) in kept} == {scene.text for scene in scenes}
    seasons = database.execute("""
        select st_xmin(f.geometry)::numeric(4, 2)::float, s.onset_latest::text, s.clear_looks
        from tulip.field_season s join tulip.field f using (field_id) order by 1
    """).fetchall()
    assert seasons == [(5.70, "2024-04-25", 2), (5.71, "2024-04-20", 2)]
    (summary,) = database.execute(
        "select acquisitions_recorded, acquisitions_superseded from tulip.season_summary"
    ).fetchall()
    assert summary == (2, 1)


def test_a_newer_processing_that_failed_supersedes_nothing(
    database: Connection, examples: Any
) -> None:
    old = Scene(0, baseline="04.00", shows=frozenset({0}))
    for bad in (Scene(1, baseline="05.11", end="failed"), Scene(2, baseline="05.11", end="found")):
        arrive(database, examples, old)
        arrive(database, examples, bad)
        assert roll_up(database, [old, bad]) == 0


def test_what_is_no_longer_superseded_counts_again(database: Connection, examples: Any) -> None:
    old = Scene(0, shows=frozenset({0}))
    new = Scene(1, shows=frozenset({0, 1}))
    arrive(database, examples, old)
    roll_up(database, [old, new])
    alone = outcome(database)
    arrive(database, examples, new)
    assert roll_up(database, [old, new]) == 1
    number = ledger.begin_attempt(database, examples.id(new.text), "acquire", "test")
    ledger.end_attempt(
        database, number, "failed", error="OffsetContradiction", message="contradicts"
    )
    assert roll_up(database, [old, new]) == 1
    again = outcome(database)
    for name in ("fields", "seasons", "looks", "links", "detections"):
        assert again[name] == alone[name]


def test_the_real_history_over_real_products(
    database: Connection, database_url: str, examples: Any, tmp_path: Path
) -> None:
    """The field flowers in the old processing; the new one is green, and may be past the bloom."""
    settings = Settings(
        database=DatabaseSettings(database_url=SecretStr(database_url)),
        storage=StorageSettings(store=str(tmp_path / "store")),
    )
    store = ProductStore(settings.storage.store_place)
    flowering = Scene(0, baseline="04.00", shows=frozenset({0}))
    green = Scene(1, baseline="05.11", shows=frozenset({0}))

    def verdicts() -> list[tuple[Any, ...]]:
        return database.execute("select verdict, clear_looks from tulip.field_season").fetchall()

    for scene, bloom, verdict in ((flowering, 0.9, "bloomed"), (green, 0.0, "not_seen")):
        arrive(database, examples, scene)
        publish(store, examples, scene.text, bloom)
        (outcome,) = histories.roll_up(settings, [])
        assert outcome.fresh
        assert verdicts() == [(verdict, 1)]
    assert not histories.roll_up(settings, [])[0].fresh
    looks = database.execute("select verdict from tulip.observation order by 1").fetchall()
    assert looks == [("bloom",), ("no_bloom",)]


def publish(store: ProductStore, examples: Any, text: str, bloom: float) -> None:
    """What `segment` leaves of an acquisition that shows the field at place 0."""
    acquisition = examples.acquisition(text)
    field = project(examples.field(0), WGS84, 32631)
    grid = tile_grid("31UFU").window(field.buffer(50).bounds)
    tulip = np.where(rasterize.polygons_to_labels([field], grid) >= 0, 0.9, 0.1)
    layers = np.stack([tulip, tulip * bloom]).astype(np.float32)
    store.start_item(acquisition.id, stac_items.product_item(acquisition, grid, ("red",)))
    with store.writing(acquisition.id, TULIP) as path:
        with cog.probability_writer(path, grid, TULIP.bands) as draft:
            draft.write(layers, 0, 0)
        fields = {"tulip:bloom_threshold": 0.5}
        store.publish(acquisition.id, TULIP, path, recipe="by a test", fields=fields)


class TestDatastrips:
    """Two acquisitions of one overpass that lie side by side are merged: both count."""

    def test_a_field_is_seen_by_the_strip_that_sees_it(
        self, database: Connection, examples: Any
    ) -> None:
        west = Scene(0, strip="west", shows=frozenset({0, 2}))
        east = Scene(1, strip="east", shows=frozenset({3}), end="recorded")
        for scene in (west, east):
            arrive(database, examples, scene)
        assert roll_up(database, [west, east]) == 0
        looks = {
            place(shape): verdict
            for shape, verdict in database.execute(
                "select f.geometry, s.verdict from tulip.field_season s"
                " join tulip.field f using (field_id)"
            )
        }
        # both strips show place 2: the newer one speaks
        assert looks == {0: "bloomed", 2: "not_seen", 3: "bloomed"}
        counts = database.execute("select clear_looks from tulip.field_season").fetchall()
        assert counts == [(1,)] * 3

    def test_the_strip_that_sees_a_field_speaks_before_a_newer_one_that_does_not(
        self, database: Connection, examples: Any
    ) -> None:
        west = Scene(0, strip="west", shows=frozenset({0, 2}))
        east = Scene(1, strip="east", end="skipped")
        for scene in (west, east):
            arrive(database, examples, scene)
        roll_up(database, [west, east])
        rows = database.execute("select verdict, clear_looks from tulip.field_season").fetchall()
        assert rows == [("bloomed", 1)] * 2

    def test_a_field_across_two_strips_has_the_area_of_both_parts(
        self, database: Connection, examples: Any
    ) -> None:
        west, east = Scene(0, strip="west"), Scene(1, strip="east")
        for scene in (west, east):
            arrive(database, examples, scene)
        whole, half = examples.shown([2])[0], box(5.72, 52.70, 5.723, 52.71)
        parts = {west: half, east: box(5.722, 52.70, 5.724, 52.71)}
        for scene, part in parts.items():
            detections.record_detections(
                database, examples.id(scene.text), [replace(whole, geometry=part)],
                unet=examples.unet, cloud_filter=examples.cloud_filter, sha256="2" * 64,
                run_id="test",
            )  # fmt: skip
        roll_up(database, [west, east])
        (area,) = database.execute("select area_m2 from tulip.field_season").fetchone() or (0,)
        assert area == pytest.approx(whole.area_m2)
