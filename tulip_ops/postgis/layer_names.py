"""Names of the layers for maps.

Separate from `layers`, so that the command line need not import psycopg.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Layer: TypeAlias = Literal["fields", "bloom_history", "detections", "observations"]

LAYERS: tuple[Layer, ...] = get_args(Layer)
