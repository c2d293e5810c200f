"""docs/explanation/real-images.md: what `real_images.py` found, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

HEAD = """# Real images

Predictions of the shipped networks, and of other projects' cloud detectors, for images **on which
nothing was trained**. Written by

```sh
.tulip/venv/bin/python -m bench.networks.real_images --peers .tulip/peers/bin/python \\
    --record --page docs/explanation/real-images.md
```

[How to evaluate](../how-to/evaluate.md) describes the images, the peers, and when a chip or a cell
counts as cloudy. Every figure comes with its counts: most sources have only a handful of images, so
no figure is more exact than that. Ambiguous cells and chips are left out.
[Fields of a season](season-evidence.md) says what the history makes of the images of 2016 together.
"""
CLOUDS = ("contestant", "cases", "accuracy", "f1")
TULIPS = ("contestant", "cases", "iou", "precision", "recall")
COUNTS = ("hits", "false_alarms", "misses", "right_rejections", "left_out")


def write(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """One section for each subject and source; `rows` as `real_images.py --json` keeps them."""
    tulips = [row for row in rows if str(row["contestant"]).startswith("unet")]
    clouds = [row for row in rows if row not in tulips]
    parts = [HEAD, "## Clouds\n", *_tables(clouds, CLOUDS), "## Tulips\n", *_tables(tulips, TULIPS)]
    path.write_text("\n".join(parts))


def _tables(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> list[str]:
    def source(row: Mapping[str, object]) -> str:
        return str(row["source"])

    written = []
    for name, group in groupby(sorted(rows, key=source), key=source):
        head = [column.replace("_", " ") for column in (*columns, *COUNTS)]
        lines = [f"### {name}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        lines += [
            f"| {' | '.join(_cell(row.get(column)) for column in (*columns, *COUNTS))} |"
            for row in group
        ]
        written.append("\n".join(lines) + "\n")
    return written


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
