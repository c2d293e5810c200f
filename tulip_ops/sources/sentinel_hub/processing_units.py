"""Processing units: what Sentinel Hub charges for a request, in advance. Numbers only.

The rules are those of the services' pages on the processing unit, the same for both deployments:
docs.sentinel-hub.com/api/latest/api/overview/processing-unit and
documentation.dataspace.copernicus.eu/APIs/SentinelHub/Overview/ProcessingUnit.
"""

from __future__ import annotations

import math

_SIDE = 512
_BANDS = 3
_LEAST_PIXELS = 0.01
_LEAST_IMAGE = 0.005
_KM2 = 1e6
_DAYS = 30
_LEAST_SEARCH, _MOST_SEARCH = 0.01, 1.0


def of_image(
    width: int, height: int, bands: int, samples: int = 1, *, float32: bool = False
) -> float:
    """Units of one image by the Process API or WMS: (w * h / 512^2) * (bands / 3) * samples.

    bands: inputs, without dataMask. samples: acquisitions per pixel. float32: whether the output
    is 32-bit floats, which doubles the cost. At least 0.01 for the pixels and 0.005 in total.
    Halves of an image cost as much as one image, unless a part is below these minima.
    """
    pixels = max(_LEAST_PIXELS, width * height / _SIDE**2)
    return max(_LEAST_IMAGE, pixels * bands / _BANDS * samples * (2 if float32 else 1))


def of_search(km2: float, days: int) -> float:
    """Units of one page of the Catalog: (km2 / 10^6) * months begun, between 0.01 and 1.

    km2: area of the search box. days: length of the period, both ends included.
    """
    area = max(_LEAST_SEARCH, km2 / _KM2)
    return min(_MOST_SEARCH, area * max(1, math.ceil(days / _DAYS)))
