"""Run other projects' cloud detectors, in an environment of their own.

    .tulip/peers/bin/python bench/networks/peers.py IMAGES.npz HIDDEN.npz

Reads images (height, width, bands), float32 reflectance, by `<peer>|<scene>`, and writes for each
what the peer takes for hidden, (height, width) boolean. It imports nothing of tulip_ops.
"""

from __future__ import annotations

import sys

import numpy as np
from s2cloudless import S2PixelCloudDetector
from ukis_csmask.mask import CSmask

BANDS = ["blue", "green", "red", "nir", "swir16", "swir22"]


def s2cloudless(image: np.ndarray) -> np.ndarray:
    """All thirteen bands above the atmosphere; its own recommended threshold and smoothing."""
    detector = S2PixelCloudDetector(threshold=0.4, average_over=4, dilation_size=2, all_bands=True)
    return detector.get_cloud_masks(image[np.newaxis])[0] > 0


def ukis(image: np.ndarray, level: str) -> np.ndarray:
    """Four or six bands; what is smaller than its windows of 256 px is reflected to that size."""
    height, width = image.shape[:2]
    wider = ((0, max(0, 256 - height)), (0, max(0, 256 - width)), (0, 0))
    padded = np.pad(image, wider, mode="symmetric")
    found = CSmask(padded, BANDS[: image.shape[2]], product_level=level)
    return found.csm[:height, :width, 0] > 0  # 1 cloud, 2 shadow


def main() -> None:
    """Read, run, write."""
    with np.load(sys.argv[1]) as images:
        hidden = {}
        for name in images.files:
            peer = name.split("|")[0]
            if peer == "s2cloudless":
                hidden[name] = s2cloudless(images[name])
            else:
                hidden[name] = ukis(images[name], peer.split("-")[-1])
    np.savez(sys.argv[2], **hidden)


if __name__ == "__main__":
    main()
