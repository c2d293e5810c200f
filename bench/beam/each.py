"""`tulip run` for each ID, in one process that keeps the networks which it has loaded.

    bench/beam/each.py ID...

The command itself loads them for each acquisition; everything else is the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from click.testing import CliRunner

from tulip_ops.cli.main import main
from tulip_ops.ml.inference import predictors


def loading_once(load: Callable[..., Any]) -> Callable[..., Any]:
    """`load`, but once for each card."""
    loaded: dict[str, Any] = {}

    def once(card: Any, *how: Any) -> Any:
        name = str(card.reference)
        if name not in loaded:
            loaded[name] = load(card, *how)
        return loaded[name]

    return once


if __name__ == "__main__":
    predictors.load_cloud_filter = loading_once(predictors.load_cloud_filter)
    predictors.load_unet = loading_once(predictors.load_unet)
    for one in sys.argv[1:]:
        done = CliRunner().invoke(main, ["run", one])
        if done.exit_code not in {0, 99}:
            raise SystemExit(done.output)
