"""The simulated archive as files: what `tulip simulate` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tulip_ops.core.types import BANDS, AcquisitionId
from tulip_ops.simulate import DEMO_SEASONS, SimulatedOverpass, demo_archive, demo_areas, demo_dates
from tulip_ops.sources.archive.source import Archive
from tulip_ops.storage import vector_files

AREAS = "areas.geojson"
TRUTH = ("tulip", "bloom", "cloud", "shadow")
"""Bands of `truth.tif`: tulip 0 or 1, the others a share in percent."""


def write_archive(
    place: Path,
    seasons: Sequence[int] = DEMO_SEASONS,
    seed: int = 0,
    baseline: str | None = None,
) -> list[AcquisitionId]:
    """Write the demo archive of `seasons` into the folder `place`, with its areas and its truth.

    Existing scenes are overwritten; the same seed gives the same pixels. baseline: see
    `Archive.add_scene`.
    """
    archive = Archive(place)
    overpasses = demo_archive(seasons, seed)
    ids = []
    total = len(demo_dates(seasons))
    # disable=None: no bar where stderr is no terminal
    for overpass in tqdm(overpasses, total=total, desc="simulate", unit="scene", disable=None):
        archive.add_scene(
            overpass.id,
            overpass.sensed_at,
            overpass.scene.reflectance,
            BANDS,
            overpass.grid,
            baseline=baseline,
            properties={"tulip:seed": seed},
        )
        archive.add_truth(overpass.id, "truth", _truth(overpass), overpass.grid, TRUTH)
        ids.append(overpass.id)
    vector_files.write_areas(place / AREAS, demo_areas())
    return ids


def _truth(overpass: SimulatedOverpass) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    truth = overpass.scene.truth
    shares = np.stack([truth.bloom, truth.cloud, truth.shadow])
    percent = np.rint(np.clip(shares, 0, 1) * 100).astype(np.uint8)
    return np.concatenate([truth.tulip[np.newaxis].astype(np.uint8), percent])
