"""What parts of a benchmark found, kept so that a repeated command goes on where one stopped."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Found = dict[str, Any]


def machine() -> str:
    """Its processors, in words."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{len(names)} x {names[0] if names else platform.processor()}"


def digest(paths: Iterable[Path]) -> str:
    """sha256 over files, in the order of their names."""
    together = hashlib.sha256()
    for path in sorted(paths):
        together.update(path.read_bytes())
    return together.hexdigest()


class Kept:
    """Parts by name, in a folder; only those that answer the same question are taken again."""

    def __init__(self, folder: Path, question: object) -> None:
        """question: all that figures depend on; anything that JSON can say."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._question = hashlib.sha256(json.dumps(question).encode()).hexdigest()
        self._began = time.perf_counter()
        self.seconds = 0.0
        """That all parts took, whenever they were measured."""

    def part(self, name: str, measure: Callable[[], Found], made: Iterable[Path] = ()) -> Found:
        """What `measure` found, now or before; adds the `wall_seconds` it took.

        made: files that it leaves for other parts; it is measured anew where one is gone.
        """
        path = self._folder / f"{name}.json"
        stored = json.loads(path.read_text()) if path.exists() else {}
        if stored.get("question") == self._question and all(file.exists() for file in made):
            self._say(f"{name}: measured before")
        else:
            self._say(name)
            began = time.perf_counter()
            found = measure()
            found["wall_seconds"] = time.perf_counter() - began
            stored = {"question": self._question, "found": found}
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps(stored, indent=2) + "\n")
            draft.replace(path)
        found = stored["found"]
        self.seconds += found["wall_seconds"]
        return dict(found)

    def _say(self, what: str) -> None:
        minutes, seconds = divmod(int(time.perf_counter() - self._began), 60)
        print(f"{minutes:3d}:{seconds:02d} {what}", flush=True)
