"""Chance for training: other viewpoints, other light, other renderings of the same ground."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RENDERED = frozenset(("blue", "green", "red"))
"""Bands that 8-bit TRUE_COLOR renderings have."""
STRETCH = 2.5
"""Their usual gain: value = reflectance * STRETCH * 255, saturated."""


def random_warp(random: np.random.Generator) -> NDArray[np.float64]:
    """A homography (3, 3) of chip coordinates in [-1, 1]: mirrored, rotated, sheared, skewed.

    Always one of the eight symmetries of a square; with probability 0.5 also a rotation by up
    to 45 degrees, a shear by up to 15 degrees, a zoom between 0.8 and 1.25, and a perspective
    skew, as the Augmentor library would.
    """
    warp = np.eye(3)
    if random.random() < 0.5:
        angle, shear = np.deg2rad(random.uniform((-45, -15), (45, 15)))
        zoom = random.uniform(0.8, 1.25)
        rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        warp[:2, :2] = zoom * np.array(rotation) @ [[1, np.tan(shear)], [0, 1]]
        warp[2, :2] = random.uniform(-0.15, 0.15, 2)
    quarter_turns = np.linalg.matrix_power([[0, -1], [1, 0]], int(random.integers(4)))
    symmetry = quarter_turns @ np.diag([random.choice([-1, 1]), 1])
    warp[:2, :2] = warp[:2, :2] @ symmetry
    return warp


def positions(
    warp: NDArray[np.float64], centre: tuple[int, int], chip: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns, (chip, chip) each, where a scene of `shape` is sampled for a chip.

    The chip is moved inward where it would leave the scene; positions still outside, at the
    corners of rotated chips, are reflected.
    """
    line = np.arange(chip) - (chip - 1) / 2
    across, down = np.meshgrid(line / (chip / 2), line / (chip / 2))
    row, column, scale = np.tensordot(warp, np.stack([down, across, np.ones_like(down)]), 1)
    placed = []
    for offset, middle, length in ((row, centre[0], shape[0]), (column, centre[1], shape[1])):
        inside = min(max(middle, chip // 2), length - chip // 2)
        position = np.abs(offset / scale * (chip / 2) + inside - 0.5)
        placed.append((length - 1) - np.abs((length - 1) - position))
    return np.clip(placed[0], 0, shape[0] - 1), np.clip(placed[1], 0, shape[1] - 1)


def sample(
    image: NDArray[np.uint16], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Bilinear values (chip, chip, bands) of an image (height, width, bands) at positions."""
    row = np.minimum(rows.astype(np.intp), image.shape[0] - 2)
    column = np.minimum(columns.astype(np.intp), image.shape[1] - 2)
    down = (rows - row).astype(np.float32)[..., None]
    across = (columns - column).astype(np.float32)[..., None]
    upper = image[row, column] * (1 - across) + image[row, column + 1] * across
    lower = image[row + 1, column] * (1 - across) + image[row + 1, column + 1] * across
    return np.asarray(upper * (1 - down) + lower * down, dtype=np.float32)


def radiometry(
    reflectance: NDArray[np.float32], bands: Sequence[str], random: np.random.Generator
) -> NDArray[np.float32]:
    """Other light and other sensors for (N, height, width, bands); NaN stays NaN.

    Gain (common 15 %, per band 6 %), offset per band, gamma, resampling blur, noise, and for
    red, green and blue the saturation and rounding of 8-bit renderings. The air between ground
    and sensor is the simulator's matter.
    """

    def draw(low: float, high: float, size: int = 1) -> NDArray[np.float32]:
        drawn = random.uniform(low, high, (len(reflectance), 1, 1, size))
        return drawn.astype(np.float32)

    several = len(bands)
    softened = blur(reflectance)
    image = reflectance + draw(0, 1) * (softened - reflectance)
    gain = draw(0.85, 1.15) * draw(0.94, 1.06, several)
    image = np.maximum(image * gain + draw(-0.006, 0.006, several), 0)
    image **= draw(0.92, 1.08)
    noise = random.standard_normal(image.shape, dtype=np.float32)
    image += noise * draw(0, 0.004)
    if RENDERED.issuperset(bands):
        rendered = np.rint(np.clip(image * STRETCH, 0, 1) * 255) / np.float32(255 * STRETCH)
        image = np.where(draw(0, 1) < 0.5, rendered, image)
    return image


def blur(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, height, width, bands), smoothed by 1-2-1 in both directions: 0.7 pixels.

    The border is repeated.
    """
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    down = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) * np.float32(0.25)
    across = (down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]) * np.float32(0.25)
    return np.asarray(across, dtype=np.float32)
