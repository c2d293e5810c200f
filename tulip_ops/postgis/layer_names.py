"""The layers that maps show, by name.

Apart from `layers`, so that the command line needs no psycopg to offer them.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Layer: TypeAlias = Literal["fields", "bloom_history", "detections", "observations"]

LAYERS: tuple[Layer, ...] = get_args(Layer)
