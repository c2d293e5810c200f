"""The loop of the 2018 prototype: one PNG at a time through `model.predict`, to a PNG mask.

    bench/beam/loop.py CHIPS OUT THREADS

Its networks are the shipped ones of true colour; what the cloud filter calls cloudy is left out.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from tulip_ops.core.processing_settings import NetworkSettings
from tulip_ops.ml.inference import keras_backend, model_loading, model_registry


def process(chips: Path, out: Path, threads: int) -> None:
    """Every chip of a folder, in the order of names."""
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    out.mkdir()
    keras_backend.use_threads(threads)
    networks = []
    for kind, name in (("cloud-filter", "cloud-filter-rgb"), ("unet", "unet-rgb")):
        card = model_registry.choose(NetworkSettings().models, kind, name, ("red", "green", "blue"))  # type: ignore[arg-type]
        network = model_loading.build(card)
        model_loading.load_weights(network, card)
        networks.append((card, network))
    (filter_card, cloud_filter), (unet_card, unet) = networks
    for path in sorted(chips.glob("*_wms_*.png")):
        with rasterio.open(path) as png:
            pixels = np.moveaxis(png.read().astype(np.float32) / 255 / 2.5, 0, -1)[np.newaxis]
        verdict = cloud_filter.predict(filter_card.normalization.apply(pixels), verbose=0)
        if float(verdict["chip"].ravel()[0]) >= (filter_card.chip_threshold or 0.5):
            continue
        classes = unet.predict(unet_card.normalization.apply(pixels), verbose=0)[0]
        mask = ((classes[..., 1] + classes[..., 2]) >= unet_card.threshold).astype(np.uint8) * 255
        with rasterio.open(out / path.name, "w", driver="PNG", width=pixels.shape[2],
                           height=pixels.shape[1], count=1, dtype="uint8") as png:  # fmt: skip
            png.write(mask, 1)


if __name__ == "__main__":
    process(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
