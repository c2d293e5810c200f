"""Faults at random over all sources: every acquisition ends whole, or in a named error."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from click.testing import CliRunner
from shapely.geometry import MultiPolygon, box

from tests.services import faults, providers, sentinel_hub_service
from tests.services.offers import Copy, Offer, S3Offer, SentinelHubOffer, StacOffer
from tulip_ops.cli.main import main
from tulip_ops.core.types import Area
from tulip_ops.raster import cog
from tulip_ops.raster.projection import WGS84, project

ID = "S2B_31UFU_20260420_0_L2A"
GROUND = providers.ground(128)
AREA = Area("polder", MultiPolygon([project(box(*GROUND.grid.bounds).buffer(-200), 32631, WGS84)]))

AWAY = {"SourceUnavailable", "TooManyRequests"}
UNREADABLE = {"UnreadableRaster", "ChecksumMismatch"}
ITEM = {"BadScene", "AcquisitionNotFound"}
"""What an item that is gone or no item is called, by archives and by APIs."""


@dataclass(frozen=True)
class Answer:
    """A service that does not answer as it should, and what that is called."""

    fault: Callable[[], faults.Fault]
    errors: frozenset[str]


def answer(errors: set[str], **told: Any) -> Answer:
    return Answer(lambda: faults.Fault(**told), frozenset(errors))


ANSWERS: Mapping[str, Answer] = {
    "401": answer({"CredentialRefused"}, status=401),
    "403": answer({"CredentialRefused"}, status=403),
    # what is not there is a bad raster or item; a whole API that is not there is away, or misnamed
    "404": answer(UNREADABLE | ITEM | AWAY | {"BadSetting"}, status=404),
    "429": answer(AWAY, status=429, headers={"Retry-After": "0"}),
    "500": answer(AWAY, status=500),
    "503": answer(AWAY, status=503),
    "cut": answer(AWAY, cut=10),
    "cut at once": answer(AWAY, cut=0),
}


def truncated(copy: Copy) -> None:
    data = copy.band("nir").read_bytes()
    copy.band("nir").write_bytes(data[: len(data) // 2])


def emptied(copy: Copy) -> None:
    copy.band("red").write_bytes(b"")


def replaced(copy: Copy) -> None:
    copy.band("blue").write_text("<html>Not here</html>" * 99)


def removed(copy: Copy) -> None:
    copy.band("swir16").unlink()


def moved(copy: Copy) -> None:
    _describe(copy, lambda asset: asset["proj:transform"].__setitem__(2, 0.0))


def resized(copy: Copy) -> None:
    _describe(copy, lambda asset: asset.update({"proj:shape": [10980, 10980]}))


def without_offset(copy: Copy) -> None:
    _describe(copy, lambda asset: asset["raster:bands"][0].update({"offset": 0}))


def unscaled(copy: Copy) -> None:
    _describe(copy, lambda asset: asset["raster:bands"][0].pop("scale"))


def blank(copy: Copy) -> None:
    for band, values in GROUND.reflectance.items():
        nothing = np.zeros(values.shape, np.uint16)
        providers.write_cog(
            copy.band(band), nothing, GROUND.grid, providers.METRES[band], block=128
        )

    def unpromised(asset: dict[str, Any]) -> None:
        asset.pop("file:size")
        asset.pop("file:checksum")

    _describe(copy, unpromised)


DAMAGES: Mapping[Callable[[Copy], None], set[str]] = {
    truncated: UNREADABLE,
    emptied: {"UnreadableRaster"},
    replaced: UNREADABLE,
    removed: {"UnreadableRaster"},
    moved: {"WrongGrid"},
    resized: {"WrongGrid"},
    without_offset: {"OffsetContradiction"},
    unscaled: {"BadScene", "AcquisitionNotFound", "BandMissing"},
    blank: {"NothingValid"},
}


def _describe(copy: Copy, change: Callable[[dict[str, Any]], Any]) -> None:
    item = copy.item
    for asset in item["assets"].values():
        change(asset)
    copy.item_path.write_text(json.dumps(item))


@dataclass
class Report:
    endings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(source, fault, how the acquisition ended under it)"""
    lost: list[str] = field(default_factory=list)
    """What ended otherwise than it may."""

    def lines(self) -> Iterator[str]:
        for (source, fault, ending), count in sorted(self.endings.items()):
            yield f"{count:4}  {source:12}  {fault:14}  {ending}"
        yield f"{sum(self.endings.values())} faults, {len(self.lost)} lost"
        yield from self.lost


class Storm:
    def __init__(
        self, offers: Sequence[Offer], pristine: Copy, url: str, folder: Path, seed: int
    ) -> None:
        """pristine: the scene as it should be. url: a migrated database with AREA."""
        self.offers, self.pristine, self.url, self.folder = offers, pristine, url, folder
        self.random = random.Random(seed)
        self.report = Report()

    def strike(self, times: int) -> Report:
        for offer in self.offers:
            offer.publish(self.pristine)
        for number in range(times):
            offer = self.offers[number % len(self.offers)]
            self._one(offer, number)
        return self.report

    def _one(self, offer: Offer, number: int) -> None:
        runner = CliRunner(
            env={
                "TULIP_STATE": str(self.folder / str(number)),
                "TULIP_DATABASE_URL": self.url,
                "TULIP_RUN_ID": f"storm {number}",
                **offer.environment(),
            }
        )
        found = runner.invoke(main, ["discover", "--since", "2026-04-01", "--until", "2026-04-30"])
        assert ID in found.output, found.output
        with self._damaged(offer) as (name, errors):
            ending = self._ending(runner, number)
        self.report.endings[offer.name, name, ending] += 1
        if ending not in {*errors, "whole"}:
            self._lose(offer, name, f"ended as {ending}, may be {sorted(errors)}")
        after = self._ending(runner, number)
        if after != "whole":
            self._lose(offer, name, f"ended as {ending}, and once repaired as {after}")
        with psycopg.connect(self.url) as database:
            database.execute("delete from tulip.acquisition")

    def _lose(self, offer: Offer, fault: str, what: str) -> None:
        self.report.lost.append(f"{offer.name}, {fault}: {what}")

    @contextmanager
    def _damaged(self, offer: Offer) -> Iterator[tuple[str, frozenset[str]]]:
        """A fault of the service or of the data; the data may be read before it strikes."""
        serving = isinstance(offer, S3Offer | StacOffer | SentinelHubOffer)
        if serving and (isinstance(offer, SentinelHubOffer) or self.random.random() < 0.5):
            name = self.random.choice(list(ANSWERS))
            with self._refusing(offer, name):
                yield name, ANSWERS[name].errors
            return
        damage = self.random.choice(list(DAMAGES))
        copy = self.pristine.another(self.folder / "damaged")
        damage(copy)
        offer.publish(copy)
        yield damage.__name__, frozenset(DAMAGES[damage])
        offer.publish(self.pristine)

    @contextmanager
    def _refusing(self, offer: Offer, name: str) -> Iterator[None]:
        """From some request on, once or always."""
        after, times = self.random.choice([0, 1, 3, 8]), self.random.choice([1, 2, None])
        if isinstance(offer, SentinelHubOffer):
            told = ANSWERS[name].fault()
            path = self.random.choice(["/process", "/search", "/token"])
            offer.deployment.faults = [
                sentinel_hub_service.Fault(
                    path, times=times or 1e9, after=0, status=told.status, headers=told.headers,
                    cut=None if told.cut is None else 0.1,
                )
            ]  # fmt: skip
            yield
            offer.deployment.faults = []
            return
        assert isinstance(offer, S3Offer | StacOffer)
        proxies = [offer.proxy, offer.catalog] if isinstance(offer, StacOffer) else [offer.proxy]
        fault = ANSWERS[name].fault()
        fault.after, fault.times = after, times
        with self.random.choice(proxies).injecting(fault):
            yield

    def _ending(self, runner: CliRunner, number: int) -> str:
        """How `acquire` ends: whole, or the error of the ledger's newest attempt."""
        done = runner.invoke(main, ["acquire", ID])
        product = self.folder / str(number) / "store" / ID / "reflectance.tif"
        with psycopg.connect(self.url) as database:
            row = database.execute(
                "select a.state, t.error from tulip.acquisition a join tulip.attempt t"
                " using (acquisition_id) order by t.attempt_id desc limit 1"
            ).fetchone()
        state, error = row or ("nothing", None)
        if done.exit_code == 0 and state == "acquired":
            return "whole" if self._is_right(product) else "wrong pixels"
        if product.exists():
            return f"a product beside {error}"
        expected = {"quarantined": {2, 3}, "failed": {1, 2}}.get(state, set())
        if error is None or done.exit_code not in expected:
            return f"exit {done.exit_code}, {state}, {error}, {done.exception!r}"
        return str(error)

    def _is_right(self, product: Path) -> bool:
        values, bands, grid = cog.read_reflectance(product)
        row = round((GROUND.grid.top - grid.top) / 10)
        column = round((grid.left - GROUND.grid.left) / 10)
        expected = GROUND.reflectance["red"][row : row + grid.height, column : column + grid.width]
        return np.allclose(values[bands.index("red")], expected, atol=1.01e-4)
