"""A raster in a stream of windows: the same answers as in one piece, whatever the cut."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, box

from tulip_ops.core.types import Area, Detection
from tulip_ops.fields.delineation.detect import detect
from tulip_ops.fields.delineation.noise import noise
from tulip_ops.ml.inference import memory_budget, streaming, strip_cache, window_layout
from tulip_ops.ml.inference.engine_selection import KERAS, Engine
from tulip_ops.ml.inference.model_registry import (
    Card,
    Normalization,
    ResNetArchitecture,
    Training,
    UNetArchitecture,
)
from tulip_ops.ml.inference.predictors import CloudFilter, UNet
from tulip_ops.raster import cog
from tulip_ops.raster import reflectance as radiometry
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import PROBABILITY_STEPS, ProbabilityRaster

BANDS = ("blue", "green", "red", "nir")
Run = dict[str, NDArray[np.float32]]


def card(kind: str) -> Card:
    unet = kind == "unet"
    return Card(
        kind=kind,
        name="stand-in",
        version="1",
        created=date(2026, 11, 28),
        bands=("nir", "red"),
        chip=32,
        architecture=UNetArchitecture(base=1, levels=1) if unet else ResNetArchitecture(),
        normalization=Normalization(lowest=0, highest=0.5, mean=(0.2, 0.1), std=(0.1, 0.1)),
        threshold=0.5,
        bloom_threshold=0.5 if unet else None,
        chip_threshold=None if unet else 0.5,
        sha256="0" * 64,
        training=Training(data="none", licence="none", settings={}),
        metrics={},
        folder=Path(),
    )


def reaching(pixels: NDArray[np.float32]) -> Run:
    """Sees eight pixels far and pads with zeros, as a U-Net of one level does (twelve at most)."""
    total = np.zeros_like(pixels[:, 0])
    for shift in (-8, -1, 0, 5, 8):
        for axis in (1, 2):
            moved = np.roll(pixels[:, 0] + pixels[:, 1] / 2, shift, axis)
            edge = [slice(None)] * 3
            edge[axis] = slice(shift, None) if shift < 0 else slice(0, shift)
            if shift:
                moved[tuple(edge)] = 0
            total += moved
    return {"logits": np.stack([-total / 4, np.zeros_like(total), total / 9], axis=-1)}


def judging(pixels: NDArray[np.float32]) -> Run:
    size = window_layout.CELL
    many, _, height, width = pixels.shape
    cells = pixels[:, 0].reshape(many, height // size, size, width // size, size).mean((2, 4))
    return {"cell": 1 / (1 + np.exp(-cells))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inference")


@pytest.fixture(autouse=True)
def short_strips() -> Iterator[None]:
    with (
        mock.patch.object(streaming, "STRIP_ROWS", 48),
        mock.patch.object(strip_cache, "STRIP_ROWS", 48),
    ):
        yield


def scene(height: int, width: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Reflectance with a hole and a missing band, and where an answer is wanted."""
    random = np.random.default_rng(seed)
    reflectance = random.random((4, height, width), dtype=np.float32) * np.float32(0.5)
    reflectance = radiometry.decode(radiometry.encode(reflectance))
    reflectance[:, : height // 3, width // 2 :] = np.nan
    reflectance[3, height // 2, width // 3] = np.nan
    wanted = random.random((height, width)) < 0.7
    wanted[:, : width // 4] = False
    return reflectance, wanted


sizes = st.integers(1, 170)


@settings(max_examples=15, deadline=None)
@given(height=sizes, width=sizes, size=st.sampled_from([26, 40, 64, 500]), seed=st.integers(0, 99))
def test_tulips_do_not_depend_on_how_the_raster_is_cut(
    folder: Path, height: int, width: int, size: int, seed: int
) -> None:
    reflectance, wanted = scene(height, width, seed)
    grid = Grid(32631, 600_000.0, 5_800_000.0, width, height)
    cog.write_reflectance(folder / "reflectance.tif", reflectance, grid, BANDS)
    network = UNet(card("unet"), reaching)

    with (
        cog.open_cog(folder / "reflectance.tif") as source,
        cog.probability_writer(folder / "tulip.tif", grid, ("tulip", "bloom")) as writer,
    ):
        made = streaming.write_tulips(writer, source, network, lambda rows: wanted[rows], size=size)

    whole = network.tulip_probability(reflectance, BANDS)
    whole[:, ~wanted] = np.nan
    found, _ = cog.read_probability(folder / "tulip.tif")
    np.testing.assert_allclose(found, whole, atol=0.5 / PROBABILITY_STEPS + 1e-6)
    seen = np.isfinite(whole[0])
    assert made.share == pytest.approx((whole[0] >= 0.5).sum() / max(1, seen.sum()), abs=1e-9)
    assert made.noise == noise(ProbabilityRaster(found[0]), 0.5)


@settings(max_examples=8, deadline=None)
@given(height=sizes, width=sizes, seed=st.integers(0, 99))
def test_clouds_in_a_stream_are_those_in_memory(
    folder: Path, height: int, width: int, seed: int
) -> None:
    reflectance, _ = scene(height, width, seed)
    grid = Grid(32631, 600_000.0, 5_800_000.0, width, height)
    cog.write_reflectance(folder / "reflectance.tif", reflectance, grid, BANDS)
    network = CloudFilter(card("cloud-filter").model_copy(update={"chip": 96}), judging)

    with mock.patch.object(window_layout, "OVERLAP", 32):
        with cog.open_cog(folder / "reflectance.tif") as source:
            cells, known = streaming.cloud_probability(
                source, network, lambda rows: np.ones((rows.stop - rows.start, width), bool)
            )
        whole = network.cloud_probability(reflectance, BANDS)

    found = np.concatenate([cloud for _, cloud in streaming.expand_cells(cells, known)])
    np.testing.assert_array_equal(found, whole)


def test_windows_without_anything_wanted_are_never_inferred(folder: Path) -> None:
    reflectance, _ = scene(160, 160, 1)
    wanted = np.zeros((160, 160), dtype=bool)
    wanted[:20, :20] = True
    grid = Grid(32631, 600_000.0, 5_800_000.0, 160, 160)
    cog.write_reflectance(folder / "reflectance.tif", reflectance, grid, BANDS)
    asked = []

    def counting(pixels: NDArray[np.float32]) -> Run:
        asked.append(pixels.shape)
        return reaching(pixels)

    with (
        cog.open_cog(folder / "reflectance.tif") as source,
        cog.probability_writer(folder / "tulip.tif", grid, ("tulip", "bloom")) as writer,
    ):
        streaming.write_tulips(
            writer, source, UNet(card("unet"), counting), lambda rows: wanted[rows], size=64
        )

    assert asked == [(1, 2, 64, 64)]


def test_windows_shrink_with_the_memory_that_they_may_take() -> None:
    wide = card("unet").model_copy(update={"architecture": UNetArchitecture(base=32, levels=4)})

    sizes = [
        memory_budget.window_size(wide, KERAS, (10_980, 10_980), gb) for gb in (0.1, 1, 2, 4, 64)
    ]

    assert sizes == sorted(sizes)
    assert sizes[0] == 512
    assert sizes[-1] <= 2048
    assert len(window_layout.plan(wide, 10_980, 10_980, size=sizes[-1])) == 36
    assert memory_budget.window_size(wide, KERAS, (300, 700), 2) == 704
    eight_bits = Engine("openvino", "int8")
    larger = [memory_budget.window_size(wide, eight_bits, (10_980, 10_980), gb) for gb in (1, 2, 4)]
    assert all(one > other for one, other in zip(larger[:2], sizes[1:], strict=False))


def test_fields_on_every_border_of_a_window_are_those_of_a_single_window(folder: Path) -> None:
    network = UNet(card("unet"), reaching)
    small, large = (window_layout.plan(network.card, 200, 230, size=size) for size in (40, 500))
    fields = np.full((4, 200, 230), 0.05, dtype=np.float32)
    for window in window_layout.windows(network.card, small):
        row, column = window.own_rows[1], window.own_columns[1]
        fields[:, max(row - 5, 0) : row + 4, max(column - 6, 0) : column + 3] = 0.45
    grid = Grid(32631, 600_000.0, 5_800_000.0, 230, 200)
    cog.write_reflectance(folder / "reflectance.tif", fields, grid, BANDS)

    def found(size: int) -> tuple[NDArray[np.float32], list[Detection]]:
        with (
            cog.open_cog(folder / "reflectance.tif") as source,
            cog.probability_writer(folder / "tulip.tif", grid, ("tulip", "bloom")) as writer,
        ):
            streaming.write_tulips(
                writer, source, network, lambda rows: np.ones((rows.stop - rows.start, 230), bool),
                size=size,
            )  # fmt: skip
        probability, _ = cog.read_probability(folder / "tulip.tif")
        area = Area("here", MultiPolygon([box(0, 45, 10, 60)]))
        detected = detect(
            probability, grid, [area], threshold=0.9, in_flower=0.5, minimum_area=1000
        )
        return probability, detected

    (near, cut), (far, whole) = found(40), found(500)

    assert len(small) > 50
    assert len(large) == 1
    assert np.abs(near - far).max() <= 0.02
    assert cut == whole
    assert len(whole) > 20
