"""Progress output of the demo: phases with their time, one line per acquisition."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from tulip_ops.services.dag_runs import AcquisitionRun

WIDTH = 26
_UP_AND_CLEAR = "\x1b[{lines}A\x1b[J"


class Report:
    """Writes progress, and records how long each phase took."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self.seconds: dict[str, float] = {}

    def say(self, text: str = "") -> None:
        self._out.write(f"{text}\n")
        self._out.flush()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.say(f"\n== {name}")
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - began

    def detail(self, text: str) -> None:
        self.say(f"   {text}")

    def times(self) -> str:
        """All phases with their seconds, and the sum."""
        rows = [*self.seconds.items(), ("all together", sum(self.seconds.values()))]
        return "\n".join(f"   {name:{WIDTH}} {seconds:7.1f} s" for name, seconds in rows)


class Board:
    """One line per acquisition: on a terminal the lines of running ones are updated in place."""

    def __init__(self, total: int, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._total = total
        self._ended: set[str] = set()
        self._alive = 0
        """Lines at the bottom that the next call replaces."""

    def show(self, journeys: Mapping[str, AcquisitionRun]) -> None:
        """Bring what is written up to date."""
        fresh = [
            one for one in journeys.values() if one.ended and one.acquisition_id not in self._ended
        ]
        moving = [one for one in journeys.values() if one.state in {"running", "retrying"}]
        lines = []
        for one in sorted(fresh, key=lambda one: one.acquisition_id):
            self._ended.add(one.acquisition_id)
            count = f"{len(self._ended):{len(str(self._total))}}/{self._total}"
            lines.append(f"   {count}  {line(one)}")
        if self._out.isatty():
            text = _UP_AND_CLEAR.format(lines=self._alive) if self._alive else ""
            waiting = self._total - len(self._ended) - len(moving)
            lively = [f"        {line(one)}" for one in moving]
            lively += [f"        {waiting} more wait"] if waiting else []
            self._alive = len(lively)
            self._out.write(text + "".join(f"{entry}\n" for entry in lines + lively))
        else:
            self._out.write("".join(f"{entry}\n" for entry in lines))
        self._out.flush()


def line(journey: AcquisitionRun) -> str:
    """One acquisition in one line."""
    where = {
        "recorded": "recorded",
        "skipped": f"skipped at {journey.step}",
        "failed": f"FAILED at {journey.step}",
        "retrying": f"{journey.step}, once more after a failure",
    }.get(journey.state, f"{journey.step or journey.state} ...")
    return f"{journey.acquisition_id:{WIDTH}} {where:22} {journey.seconds:6.0f} s"
