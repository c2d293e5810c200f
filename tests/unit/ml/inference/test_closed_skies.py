"""The shipped cloud filters under skies that are closed over much more than a chip."""

from pathlib import Path

import numpy as np
import pytest

from tulip_ops import simulate
from tulip_ops.core.types import BANDS
from tulip_ops.ml.inference import model_registry, predictors
from tulip_ops.simulate import Sky, Weather

SIDE, SEASON = 640, 2025


@pytest.mark.parametrize("name", ["cloud-filter-multispectral", "cloud-filter-rgb"])
@pytest.mark.parametrize("seed", [0, 4])
def test_the_middle_of_a_closed_sky_is_no_clear_ground(
    name: str, seed: int, repository: Path
) -> None:
    sky = Sky.draw(np.random.default_rng([seed, 5]), Weather.OVERCAST)
    polder = simulate.make_polder(seed + 1900, SIDE, SIDE, [SEASON])
    peaks = sorted(bloom.peak for bloom in polder.blooms[SEASON].values())
    scene = simulate.make_scene(polder, peaks[len(peaks) // 2], sky=sky, seed=seed)
    card = model_registry.choose(repository / "models", "cloud-filter", name, BANDS)

    cloud = predictors.load_cloud_filter(card, 2).cloud_probability(scene.reflectance, BANDS)

    assert (cloud < card.threshold).mean() < 0.05
