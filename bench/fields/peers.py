"""Part probabilities into fields with scikit-image, in an environment of its own.

    .tulip/peers/bin/python bench/fields/peers.py PROBABILITIES.npz LABELS.npz

Reads (height, width) float32 probabilities, by `<threshold>|<scene>`, and writes the labels of
each, (height, width) int32, -1 where there is no field. It imports nothing of tulip_ops.
"""

from __future__ import annotations

import sys

import numpy as np
from skimage.filters import gaussian
from skimage.measure import label
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

SMOOTHING, DEPTH = 2.0, 0.1
"""Standard deviation in pixels, and by how much of probability a maximum must rise: of four pairs
tried, from (1, 0.1) to (3, 0.05), the best with the truth made noisy."""


def parted(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Watershed of the smoothed probability, flooded from its maxima that rise above `DEPTH`."""
    smooth = gaussian(probability, SMOOTHING).astype(np.float64)
    summits = label(h_maxima(smooth, DEPTH), connectivity=2)
    return watershed(-smooth, summits, mask=probability >= threshold).astype(np.int32) - 1


def main() -> None:
    """Read, run, write."""
    with np.load(sys.argv[1]) as scenes:
        labels = {name: parted(scenes[name], float(name.split("|")[0])) for name in scenes.files}
    np.savez(sys.argv[2], **labels)


if __name__ == "__main__":
    main()
