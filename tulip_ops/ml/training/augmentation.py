"""Random augmentation: viewpoint, light and rendering of the same ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tulip_ops.raster.reflectance import STRETCH

RENDERED = frozenset(("blue", "green", "red"))
"""Bands that 8-bit TRUE_COLOR renderings have."""

SYMMETRIES = 8
"""Of a square; each is a number, see `turn`."""
SKEW, SHEAR, ROTATION = (0.5, 0.5), (0.3, 15.0), (0.75, 20.0)
"""Probability and greatest amount: share of a side; degrees; degrees."""

_UNIFORM_BYTE = 73.9
"""Standard deviation of integers drawn from -128..127."""

Pixel = TypeVar("Pixel", bound=np.generic)


def turn(image: NDArray[Pixel], symmetry: int) -> NDArray[Pixel]:
    """A view of (height, width, ...), mirrored and turned by one of the `SYMMETRIES`."""
    if symmetry & 1:
        image = image[::-1]
    if symmetry & 2:
        image = image[:, ::-1]
    return image.swapaxes(0, 1) if symmetry & 4 else image


def random_warp(random: np.random.Generator) -> NDArray[np.float64]:
    """A homography (3, 3) of (row, column, 1), from a chip to the scene, each in [-1, 1].

    One of the eight symmetries of a square; then with probability 0.75 a rotation by up to 20
    degrees, with 0.3 a shear by up to 15, and with 0.5 a perspective skew by up to half a side:
    the chances of the 2018 prototype's Augmentor pipeline. Corners are not cut off, since a scene
    goes on beyond its chips.
    """
    symmetry = int(random.integers(SYMMETRIES))
    turned = np.diag([1 - 2.0 * (symmetry & 1), 1.0 - (symmetry & 2)])
    warp = np.eye(3)
    warp[:2, :2] = turned[::-1] if symmetry & 4 else turned
    if random.random() < ROTATION[0]:
        angle = np.deg2rad(random.uniform(-ROTATION[1], ROTATION[1]))
        cosine, sine = np.cos(angle), np.sin(angle)
        warp[:2] = [[cosine, -sine], [sine, cosine]] @ warp[:2]
    if random.random() < SHEAR[0]:
        warp[0] += np.tan(np.deg2rad(random.uniform(-SHEAR[1], SHEAR[1]))) * warp[1]
    if random.random() < SKEW[0]:
        warp = skew(random.uniform(0, SKEW[1]), one_corner=random.random() < 0.5) @ warp
    return warp


def skew(amount: float, *, one_corner: bool) -> NDArray[np.float64]:
    """The homography (3, 3) that shows a square as if its left side were nearer.

    amount: share of a side by which the upper and the lower end of the left side, or the upper
    end alone, leave the picture.
    """
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=np.float64)
    moved = corners.copy()
    moved[0, 0] -= 2 * amount
    if not one_corner:
        moved[1, 0] += 2 * amount
    equations, values = [], []
    for (row, column), (to_row, to_column) in zip(moved, corners, strict=True):
        equations += [
            [row, column, 1, 0, 0, 0, -to_row * row, -to_row * column],
            [0, 0, 0, row, column, 1, -to_column * row, -to_column * column],
        ]
        values += [to_row, to_column]
    solved = np.linalg.solve(np.array(equations), np.array(values))
    return np.append(solved, 1.0).reshape(3, 3)


def positions(
    warp: NDArray[np.float64], centre: tuple[int, int], chip: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows and columns, (chip, chip) each, where a scene of `shape` is sampled for a chip.

    The chip is moved inward where it would leave the scene; positions still outside, at the
    corners of rotated chips, are reflected.
    """
    line = (np.arange(chip, dtype=np.float32) * 2 - (chip - 1)) / chip
    line_down = line[:, None]
    row, column, scale = (
        down * line_down + (across * line + shift)
        for down, across, shift in warp.astype(np.float32)
    )
    scale *= np.float32(2 / chip)
    return (
        _inside(row / scale, centre[0], chip, shape[0]),
        _inside(column / scale, centre[1], chip, shape[1]),
    )


def _inside(
    offset: NDArray[np.float32], centre: int, chip: int, length: int
) -> NDArray[np.float32]:
    middle = min(max(centre, chip // 2), max(length - chip // 2, chip // 2))
    position = offset + np.float32(middle - 0.5)
    reflected = (length - 1) - np.abs((length - 1) - np.abs(position))
    return np.asarray(np.clip(reflected, 0, length - 1), dtype=np.float32)


def sample(
    image: NDArray[np.uint16], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Bilinear values (chip, chip, bands) of an image (height, width, bands) at positions."""
    height, width, bands = image.shape
    row, column = np.minimum(np.floor(rows), height - 2), np.minimum(np.floor(columns), width - 2)
    down, across = (rows - row)[..., None], (columns - column)[..., None]
    start = row.astype(np.intp) * width + column.astype(np.intp)
    pixels = image.reshape(-1, bands)

    def between(first: int) -> NDArray[np.float32]:
        left = pixels.take(start + first, axis=0, mode="clip").astype(np.float32)
        right = pixels.take(start + first + 1, axis=0, mode="clip").astype(np.float32)
        right -= left
        right *= across
        right += left
        return np.asarray(right)

    upper, lower = between(0), between(width)
    lower -= upper
    lower *= down
    lower += upper
    return np.asarray(lower)


def touches(
    pixels: NDArray[np.bool_], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """(chip, chip): True where `sample` takes a part from one of the True (height, width)."""
    values = sample(pixels[..., None].astype(np.uint16), rows, columns)
    return np.asarray(values[..., 0] > 0)


def resize(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """(height, width, bands) to (size, size, bands): means of pixels, or pixels repeated."""
    for axis in (0, 1):
        length = image.shape[axis]
        edges = np.linspace(0, length, size + 1).astype(np.intp)[:-1]
        if length > size:
            counts = np.diff(edges, append=length).astype(np.float32)
            image = np.add.reduceat(image, edges, axis=axis)
            image /= counts.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        elif length < size:
            image = image.take(edges, axis=axis)
    return image


def radiometry(
    reflectance: NDArray[np.float32], bands: Sequence[str], random: np.random.Generator
) -> None:
    """Vary the light and the sensor of (N, height, width, bands), in place; NaN stays NaN.

    Gain (common 15 %, per band 6 %), offset per band, noise; for half of the chips gamma, for
    half some resampling blur; and for half of those in red, green and blue the saturation and
    rounding of 8-bit renderings. The atmosphere is simulated elsewhere.
    """
    rendered = RENDERED.issuperset(bands)
    for image in reflectance:
        if random.random() < 0.5:
            _soften(image, random.uniform(0, 1))
        _lighten(image, random)
        if random.random() < 0.5:
            np.power(image, np.float32(random.uniform(0.92, 1.08)), out=image)
        _roughen(image, random.uniform(0, 0.004), random)
        if rendered and random.random() < 0.5:
            _render(image)


def blur(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(height, width, bands), smoothed by 1-2-1 in both directions: 0.7 pixels.

    The border is repeated.
    """
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = _smooth(padded[:-2], padded[1:-1], padded[2:])
    return _smooth(down[:, :-2], down[:, 1:-1], down[:, 2:])


def _smooth(
    before: NDArray[np.float32], here: NDArray[np.float32], after: NDArray[np.float32]
) -> NDArray[np.float32]:
    smoothed = before + after
    smoothed *= np.float32(0.5)
    smoothed += here
    smoothed *= np.float32(0.5)
    return smoothed


def _soften(image: NDArray[np.float32], share: float) -> None:
    softened = blur(image)
    softened -= image
    softened *= np.float32(share)
    image += softened


def _lighten(image: NDArray[np.float32], random: np.random.Generator) -> None:
    width, bands = image.shape[1:]
    gain = np.float32(random.uniform(0.85, 1.15)) * _uniform(random, 0.94, 1.06, bands)
    offset = _uniform(random, -0.006, 0.006, bands)
    rows = image.reshape(len(image), -1)  # a row at a time: NumPy is slow over short last axes
    rows *= np.tile(gain, width)
    rows += np.tile(offset, width)
    np.maximum(rows, 0, out=rows)


def _uniform(
    random: np.random.Generator, low: float, high: float, size: int
) -> NDArray[np.float32]:
    return random.uniform(low, high, size).astype(np.float32)


def _roughen(image: NDArray[np.float32], deviation: float, random: np.random.Generator) -> None:
    """Add noise, uniform, since ten Gaussian numbers a pixel cost more than all the rest."""
    noise = np.frombuffer(random.bytes(image.size), dtype=np.int8).reshape(image.shape)
    image += noise * np.float32(deviation / _UNIFORM_BYTE)


def _render(image: NDArray[np.float32]) -> None:
    image *= np.float32(255 * STRETCH)
    np.clip(image, 0, 255, out=image)
    np.rint(image, out=image)
    image *= np.float32(1 / (255 * STRETCH))
