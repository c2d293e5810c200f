"""Sources in their order, alerts and revisit, as a person types it, over a real STAC API."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest
from click.testing import CliRunner, Result
from shapely.geometry import box, mapping

from tests.services import providers
from tests.services.nginx import Nginx
from tests.services.providers import Files, Published
from tests.services.stac_api import StacServer
from tulip_ops.cli.main import main
from tulip_ops.core.types import BANDS, AcquisitionId
from tulip_ops.raster import cog
from tulip_ops.raster.projection import WGS84, project
from tulip_ops.sources.archive.source import Archive

GROUND = providers.ground()
NOW = datetime.now(UTC)
SECRET = "Klompen7"
NEAR, FAR = "sentinel-2-c1-l2a", "sentinel-2-l2a"
"""Collections of one server that stand for two sources."""
OVERPASSES = {("S2B", 51): 3, ("S2C", 51): 8, ("S2B", 8): 6, ("S2C", 8): 1}
"""Days ago of the newest overpass of each track; the others are ten days apart."""


@dataclass(frozen=True)
class Desk:
    """A state folder, a database, and a STAC API of one's own."""

    state: Path
    url: str
    stac: StacServer
    files: Files

    def tulip(self, *words: str, expect: int = 0, **environment: str) -> Result:
        done = CliRunner(env=environment).invoke(main, words)
        assert done.exit_code == expect, (words, done.output, done.exception)
        assert SECRET not in done.output
        return done

    def json(self, *words: str, expect: int = 0, **environment: str) -> dict[str, object]:
        told: dict[str, object] = json.loads(
            self.tulip(*words, "--json", expect=expect, **environment).stdout
        )
        return told

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as database:
            return database.execute(sql).fetchall()  # type: ignore[arg-type]

    def area(self, *sources: str, name: str = "polder") -> None:
        """An area within the ground that the items cover, with these sources."""
        ground = project(box(*GROUND.grid.bounds), GROUND.grid.epsg, WGS84).buffer(-0.004)
        path = self.state / f"{name}.geojson"
        path.write_text(json.dumps(mapping(ground)))
        options = [word for source in sources for word in ("--source", source)]
        self.tulip("aoi", "add", str(path), "--name", name, *options)

    def publish(self, collection: str, granules: Sequence[Published]) -> None:
        """Let a source offer these granules, and nothing else."""
        self.stac.put_collection(collection)
        if collection == NEAR:
            items = [providers.earth_search_c1(one, self.files) for one in granules]
        else:
            items = [providers.earth_search_l2a(one, self.files, applied=False) for one in granules]
        if items:
            self.stac.put_items(items)


def granule(sensed_at: datetime, platform: str = "S2B", orbit: int = 51) -> Published:
    stamp = f"{sensed_at:%Y%m%dT%H%M%S}"
    return replace(
        GROUND, platform=platform, orbit=orbit, sensed_at=sensed_at, datatake=stamp,
        datastrip=stamp, generated=stamp,
    )  # fmt: skip


def season(*, until_days_ago: int = 0, without: Sequence[int] = ()) -> list[Published]:
    """Everything that the satellites saw in 50 days, but for what is newer or left out."""
    return [
        granule(noon(ago + 10 * cycle), platform, orbit)
        for (platform, orbit), ago in OVERPASSES.items()
        for cycle in range(5)
        if ago + 10 * cycle >= until_days_ago and ago + 10 * cycle not in without
    ]


def noon(days_ago: int) -> datetime:
    day = (NOW - timedelta(days=days_ago)).date()
    return datetime(day.year, day.month, day.day, 10, 50, 31, tzinfo=UTC)


def stac_apis(url: str, **others: str) -> str:
    """TULIP_STAC_APIS: `near` and `far` at `url` unless another one is given."""
    rest = {"requests_per_second": 500, "timeout": 5, "attempts": 1}
    collections = {"near": {NEAR: "declared"}, "far": {FAR: "declared"}, "away": {NEAR: "declared"}}
    places = {"near": url, "far": url, "away": "http://127.0.0.1:1"} | others
    return json.dumps(
        {
            name: {"url": places[name], "collections": offers, **rest}
            for name, offers in collections.items()
        }
    )


@pytest.fixture(scope="module")
def files(web_server: Nginx) -> Files:
    folder, url = web_server.root / "discovery", f"{web_server.url}/discovery"
    return providers.write_cogs(folder, url, GROUND, added=1000)


@pytest.fixture
def desk(
    tmp_path: Path,
    database_url: str,
    stac_server: StacServer,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    with psycopg.connect(database_url) as database:
        database.execute("truncate tulip.area, tulip.acquisition, tulip.alert cascade")
    for name in [name for name in os.environ if name.startswith(("TULIP_", "SH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TULIP_STATE", str(tmp_path))
    monkeypatch.setenv("TULIP_DATABASE_URL", database_url)
    monkeypatch.setenv("TULIP_STAC_APIS", stac_apis(stac_server.url))
    monkeypatch.setenv("TULIP_SOURCES", '["near"]')
    monkeypatch.setenv("TULIP_RUN_ID", "by a test")
    desk = Desk(tmp_path, database_url, stac_server, files)
    for collection in (NEAR, FAR):
        desk.publish(collection, [])
    return desk


class TestAreas:
    def test_sources_are_listed_in_their_order(self, desk: Desk) -> None:
        desk.area("far", "near")
        desk.area(name="elsewhere")
        listed = desk.tulip("aoi", "list").stdout
        assert "far, then near\n" in listed
        assert "near (TULIP_SOURCES)" in listed
        areas = {area["name"]: area for area in desk.json("aoi", "list")["areas"]}
        assert (areas["polder"]["sources"], areas["polder"]["own"]) == (["far", "near"], True)
        assert (areas["elsewhere"]["sources"], areas["elsewhere"]["own"]) == (["near"], False)
        assert desk.rows("select name, sources from tulip.area order by name") == [
            ("elsewhere", None), ("polder", ["far", "near"]),
        ]  # fmt: skip

    def test_an_unknown_source_is_refused(self, desk: Desk) -> None:
        path = desk.state / "area.geojson"
        path.write_text(json.dumps(mapping(box(5, 52, 6, 53))))
        done = desk.tulip("aoi", "add", str(path), "--source", "nobody", expect=2)
        assert "nobody" in done.output
        assert "near" in done.output
        assert desk.rows("select name from tulip.area") == []


class TestFallback:
    def test_a_silent_source_is_told_and_another_one_asked(self, desk: Desk) -> None:
        desk.area("away", "near")
        desk.publish(NEAR, season())
        found = desk.json("discover")
        assert len(found["new"]) == len(season())
        assert found["sources"] == ["away", "near"]
        (message,) = found["alerts"]
        assert message.startswith("away is silent: ")
        assert desk.rows("select source, kind, area, run_id from tulip.open_alerts") == [
            ("away", "silent", None, "by a test")
        ]
        assert "away is silent" in desk.tulip("alerts", expect=1).stdout
        assert "away is silent" in desk.tulip("database", "status").stdout
        assert desk.json("discover")["new"] == []
        assert len(desk.json("alerts", expect=1)["alerts"]) == 1

        desk.area("near", "away")
        assert desk.json("discover")["alerts"] == []
        assert desk.json("alerts")["alerts"] == []
        assert desk.rows("select ended_at is not null from tulip.alert") == [(True,)]

    def test_a_stale_source_is_told_and_completed(self, desk: Desk) -> None:
        desk.area("near", "far")
        desk.publish(NEAR, season(until_days_ago=18))
        desk.publish(FAR, season())
        found = desk.json("discover")
        assert len(found["new"]) == len(season())
        (message,) = found["alerts"]
        assert message.startswith("near is stale: it has nothing newer over polder than ")
        assert "overpasses were to be expected since" in message
        sources = dict(desk.rows("select source, count(*) from tulip.acquisition group by source"))
        assert sources["near"] == len(season(until_days_ago=18))
        assert desk.rows("select source, area from tulip.open_alerts") == [("near", "polder")]
        desk.publish(NEAR, season())
        assert desk.json("discover")["alerts"] == []
        assert desk.json("alerts")["alerts"] == []

    def test_days_may_say_what_is_stale(self, desk: Desk) -> None:
        desk.area("near", "far")
        desk.publish(NEAR, season(until_days_ago=5))
        assert desk.json("discover")["alerts"] == []
        found = desk.json("discover", TULIP_STALE_AFTER_DAYS="4")
        assert [message.split(":")[0] for message in found["alerts"]] == [
            "near is stale", "far is stale",
        ]  # fmt: skip

    def test_a_missing_credential_is_told_and_another_source_asked(self, desk: Desk) -> None:
        desk.area("sentinel-hub", "near")
        desk.publish(NEAR, season())
        found = desk.json("discover")
        assert len(found["new"]) == len(season())
        (message,) = found["alerts"]
        assert message.startswith("sentinel-hub is refused: ")
        assert "TULIP_SH_CLIENT_ID" in message

    def test_where_nobody_answers_the_alert_stays(self, desk: Desk) -> None:
        desk.area("away")
        done = desk.tulip("discover", expect=1)
        assert "SourceUnavailable: away: " in done.output
        assert desk.rows("select source, kind from tulip.open_alerts") == [("away", "silent")]

    def test_one_source_by_hand(self, desk: Desk) -> None:
        desk.area("away", "near")
        desk.publish(FAR, season())
        found = desk.json("discover", "--source", "far")
        assert found["sources"] == ["far"]
        assert len(found["new"]) == len(season())

    def test_acquire_reads_from_the_next_source(self, desk: Desk) -> None:
        desk.area("near", "far")
        for collection in (NEAR, FAR):
            desk.publish(collection, [granule(noon(3))])
        (acquisition_id,) = desk.json("discover")["new"]
        broken = stac_apis(desk.stac.url, near="http://127.0.0.1:1")
        done = desk.json("acquire", acquisition_id, TULIP_STAC_APIS=broken)
        assert str(done["summary"]).endswith("from far, as near is away")
        ((source, href, state),) = desk.rows("select source, href, state from tulip.acquisition")
        assert (source, state) == ("far", "acquired")
        assert FAR in str(href)
        path = desk.state / "store" / acquisition_id / "reflectance.tif"
        values, bands, _ = cog.read_reflectance(path)
        assert bands == BANDS
        assert np.nanmean(values) < 0.5
        # what is there stays, whoever is away
        again = desk.json("acquire", acquisition_id, TULIP_STAC_APIS=broken)
        assert not again["fresh"]

    def test_a_product_that_is_there_is_not_read_from_elsewhere(self, desk: Desk) -> None:
        desk.area("near", "far")
        for collection in (NEAR, FAR):
            desk.publish(collection, [granule(noon(3))])
        (acquisition_id,) = desk.json("discover")["new"]
        desk.tulip("acquire", acquisition_id)
        broken = stac_apis(desk.stac.url, near="http://127.0.0.1:1")
        done = desk.tulip("acquire", acquisition_id, expect=1, TULIP_STAC_APIS=broken)
        assert "SourceUnavailable" in done.output
        assert desk.rows("select source, state from tulip.acquisition") == [("near", "acquired")]

    def test_an_id_by_hand_is_found_behind_a_silent_source(self, desk: Desk) -> None:
        desk.area("away", "far")
        desk.publish(FAR, [granule(noon(3))])
        acquisition_id = f"S2B_31UFU_{noon(3):%Y%m%d}_0_L2A"
        desk.tulip("acquire", acquisition_id)
        assert desk.rows("select source from tulip.acquisition") == [("far",)]
        unknown = desk.tulip("acquire", "S2B_31UFU_20200101_0_L2A", expect=1)
        assert "SourceUnavailable" in unknown.output


class TestRevisit:
    def test_what_was_expected_arrived_is_late_and_comes(self, desk: Desk) -> None:
        desk.area()
        desk.publish(NEAR, season(without=[8, 1]))
        found = desk.json("discover")["revisit"]["polder"]
        assert [(one["platform"], one["day"]) for one in found["late"]] == [
            ("S2C", f"{noon(8):%Y-%m-%d}")
        ]
        assert [one["platform"] for one in found["awaited"]] == ["S2C"]
        assert sorted(one["day"] for one in found["next"]) == sorted(
            f"{noon(ago - 10):%Y-%m-%d}" for ago in OVERPASSES.values()
        )
        assert (found["expected"], found["arrived"], found["unexpected"]) == (16, 14, 4)
        told = desk.json("revisit", "--area", "polder")["areas"]["polder"]
        assert {name: told[name] for name in found} == found
        assert len(told["passes"]) == 18 + 2 + 4
        text = desk.tulip("revisit").stdout
        assert "polder: 16 overpasses expected, 14 arrived, 1 late, 1 awaited; 4 more" in text
        assert f"{noon(8):%Y-%m-%d}  S2C R051   late" in text

        desk.publish(NEAR, season())
        arrived = desk.json("discover")["revisit"]["polder"]
        assert (arrived["late"], arrived["awaited"], arrived["arrived"]) == ([], [], 16)

    def test_publication_may_take_longer(self, desk: Desk) -> None:
        desk.area()
        desk.publish(NEAR, season(without=[8, 1]))
        desk.tulip("discover")
        found = desk.json("revisit", TULIP_PUBLICATION_HOURS="240")["areas"]["polder"]
        assert (found["late"], len(found["awaited"])) == ([], 2)

    def test_simulated_archives_follow_no_orbit(self, desk: Desk) -> None:
        desk.area("archive", "near")
        archive = Archive(desk.state / "archive")
        sensed_at = noon(40)
        archive.add_scene(
            AcquisitionId("SIM", "31UFU", sensed_at.date(), 0, "L2A"), sensed_at,
            np.full((1, *GROUND.grid.shape), 0.2, np.float32), ("red",), GROUND.grid,
        )  # fmt: skip
        found = desk.json("discover")
        assert (len(found["new"]), found["alerts"], found["sources"]) == (1, [], ["archive"])
        assert "no satellite was seen" in desk.tulip("revisit").stdout
        desk.tulip("revisit", "--area", "nowhere", expect=2)


class TestDoctor:
    def test_every_source_is_asked_and_its_credential_is_never_shown(self, desk: Desk) -> None:
        desk.area("sentinel-hub", "away")
        desk.publish(NEAR, season())
        checks = {
            check["name"]: check
            for check in desk.json(
                "doctor", expect=1, TULIP_SH_CLIENT_SECRET=SECRET, TULIP_SOURCES='["near", "far"]'
            )["checks"]
        }
        assert {name for name in checks if name.startswith("source ")} == {
            "source near", "source far", "source sentinel-hub", "source away",
        }  # fmt: skip
        assert checks["source near"]["ok"]
        assert not checks["source away"]["ok"]
        assert "TULIP_SH_CLIENT_ID" in checks["source sentinel-hub"]["found"]
        assert "docs/how-to/sources.md" in checks["source away"]["remedy"]
