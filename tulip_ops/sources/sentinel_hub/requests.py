"""Requests to Sentinel Hub: windows, evalscript, parameters. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tulip_ops.core.types import BANDS
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.grid import Grid

LARGEST_SIDE = 2500
"""Largest side of an answer of the Process API, pixels."""
CHIP_SIDE = 256
"""Pixels along a side of a WMS chip."""

_OVERPASS = timedelta(minutes=1)
"""Tolerance about an acquisition's time: no other overpass of the place is so close."""
_SENTINEL_NAMES = dict(
    zip(BANDS, "B02 B03 B04 B05 B06 B07 B08 B8A B11 B12".split(), strict=True)  # noqa: SIM905
)
_EVALSCRIPT = """\
//VERSION=3
const PRODUCTS = %(products)s;
const BANDS = %(bands)s;
function setup() {
  return {
    input: [{bands: [...BANDS, "dataMask"], units: [...BANDS.map(() => "REFLECTANCE"), "DN"]}],
    output: {bands: BANDS.length, sampleType: "UINT16"},
    mosaicking: "TILE"
  };
}
function preProcessScenes(collections) {
  const tiles = collections.scenes.tiles;
  const names = (tile, product) => Object.values(tile).some(v => String(v).includes(product));
  collections.scenes.tiles = PRODUCTS.flatMap(p => tiles.filter(tile => names(tile, p)));
  return collections;
}
function evaluatePixel(samples) {
  const seen = samples.find(sample => sample.dataMask === 1);
  return BANDS.map(band => seen ? Math.max(1, Math.round(seen[band] * %(steps)d + %(zero)d)) : 0);
}
"""


def split(grid: Grid, side: int) -> list[Grid]:
    """Cut a grid into windows of at most `side` pixels a side, north to south, west to east.

    Each pixel of the grid is a pixel of exactly one window. Windows are `side` wide and high,
    but for the last of a row and the last row.
    """
    return [
        replace(
            grid,
            left=grid.left + column * grid.resolution,
            top=grid.top - row * grid.resolution,
            width=min(side, grid.width - column),
            height=min(side, grid.height - row),
        )
        for row in range(0, grid.height, side)
        for column in range(0, grid.width, side)
    ]


def evalscript(products: Sequence[str]) -> str:
    """The script that turns an acquisition's products into what `radiometry.decode` reads.

    It returns uint16 numbers of the ten bands, 0 where nothing was measured: the service converts
    pixels of any baseline to reflectance, and the script preserves negative values by the offset
    of baseline 04.00.
    products: names as in the Catalog; the first one with data provides a pixel. Of the tiles at
    that time and place, only those of a named product count (productId, or within dataPath).
    """
    return _EVALSCRIPT % {
        "bands": json.dumps(list(_SENTINEL_NAMES.values())),
        "products": json.dumps(list(products)),
        "steps": round(1 / radiometry.DN_SCALE),
        "zero": round(-radiometry.DN_OFFSET / radiometry.DN_SCALE),
    }


def input_data(sensed_at: datetime) -> dict[str, Any]:
    """The Process API's `input.data` for one overpass.

    Values are not harmonized: that would clip negative reflectance to zero, which no other
    source does. 20 m bands are resampled to 10 m as in `reader.read_warped`.
    """
    first, last = overpass(sensed_at)
    return {
        "type": "sentinel-2-l2a",
        "dataFilter": {"timeRange": {"from": first, "to": last}},
        "processing": {
            "harmonizeValues": False,
            "upsampling": "BILINEAR",
            "downsampling": "BILINEAR",
        },
    }


def map_parameters(grid: Grid, sensed_at: datetime, layer: str) -> Mapping[str, object]:
    """Parameters of a WMS GetMap that renders one overpass on `grid`."""
    return {
        "SERVICE": "WMS",
        "VERSION": "1.3.0",
        "REQUEST": "GetMap",
        "LAYERS": layer,
        "CRS": f"EPSG:{grid.epsg}",
        "BBOX": ",".join(f"{edge:.1f}" for edge in grid.bounds),
        "WIDTH": grid.width,
        "HEIGHT": grid.height,
        "FORMAT": "image/png",
        "TRANSPARENT": "true",
        "TIME": "/".join(overpass(sensed_at)),
        "MAXCC": 100,
        "SHOWLOGO": "false",
        "WARNINGS": "false",
    }


def overpass(sensed_at: datetime) -> tuple[str, str]:
    """Time range of an overpass, as ISO 8601 in UTC."""
    return moment(sensed_at - _OVERPASS), moment(sensed_at + _OVERPASS)


def moment(time: datetime) -> str:
    """`2026-04-20T10:50:31Z`."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
