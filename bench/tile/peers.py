"""Other projects' ways over the same pixels, in an environment of their own.

    .tulip/peers/bin/python bench/tile/peers.py PIXELS.npz THREADS

Reads `images` (N, 256, 256, 10), reflectance, and prints one line of JSON: seconds of each peer
that is installed. It imports nothing of tulip_ops.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.util import find_spec

import numpy as np

BATCH = 16
LEVELS, CLASSES = 4, 3


def s2cloudless_seconds(images: np.ndarray) -> float:
    """Thirteen bands; those that we have none of repeat a neighbour, which takes as long."""
    from s2cloudless import S2PixelCloudDetector

    thirteen = images[..., [0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 8, 9]]
    detector = S2PixelCloudDetector(threshold=0.4, average_over=4, dilation_size=2, all_bands=True)
    started = time.perf_counter()
    detector.get_cloud_masks(thirteen)
    return time.perf_counter() - started


def torch_seconds(images: np.ndarray, threads: int, base: int) -> float:
    """A U-Net of the same convolutions in PyTorch, single precision, in batches."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)

    def twice(before: int, after: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1), nn.ReLU(),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            wide = [base * 2**level for level in range(LEVELS + 1)]
            self.down = nn.ModuleList(map(twice, [images.shape[-1], *wide[:-1]], wide))
            self.up = nn.ModuleList(
                nn.ConvTranspose2d(below, here, 2, stride=2)
                for below, here in zip(wide[:0:-1], wide[-2::-1], strict=True)
            )
            self.across = nn.ModuleList(twice(2 * here, here) for here in wide[-2::-1])
            self.last = nn.Conv2d(base, CLASSES, 1)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            skips = []
            for level, convolve in enumerate(self.down):
                pixels = convolve(nn.functional.max_pool2d(pixels, 2) if level else pixels)
                skips.append(pixels)
            skips.pop()
            for up, convolve in zip(self.up, self.across, strict=True):
                pixels = convolve(torch.cat([skips.pop(), up(pixels)], dim=1))
            return self.last(pixels).softmax(1)

    network = UNet().eval()
    planar = torch.from_numpy(np.ascontiguousarray(np.moveaxis(images, -1, 1)))
    with torch.inference_mode():
        network(planar[:1])
        started = time.perf_counter()
        for first in range(0, len(planar), BATCH):
            network(planar[first : first + BATCH])
    return time.perf_counter() - started


def main() -> None:
    """Measure what is there."""
    with np.load(sys.argv[1]) as arrays:
        images, base = arrays["images"], int(arrays["base"])
    threads = int(sys.argv[2])
    found = {"pixels": int(np.prod(images.shape[:3]))}
    if find_spec("s2cloudless"):
        found["s2cloudless"] = s2cloudless_seconds(images)
    if find_spec("torch"):
        found["torch"] = torch_seconds(images, threads, base)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
