"""Random fields: fractal noise, smooth lines, blurs. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Reals = NDArray[np.floating]


def fractal(
    rng: np.random.Generator,
    height: int,
    width: int,
    slope: float,
    *,
    coarsest: float = 1e9,
    stretch: tuple[float, float] = (1.0, 0.0),
) -> Floats:
    """Gaussian noise whose power falls with frequency f as f**-slope.

    coarsest: longest wavelength, pixels. stretch: (how many times longer the noise is along
    an axis than across it, direction of that axis in radians from the columns).
    Returns (height, width), mean 0, standard deviation 1, periodic at its edges.
    """
    side_y, side_x = _smooth_size(height), _smooth_size(width)
    fy = np.fft.fftfreq(side_y)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(side_x)[None, :].astype(np.float32)
    factor, angle = stretch
    along = fx * np.cos(angle) + fy * np.sin(angle)
    across = fy * np.cos(angle) - fx * np.sin(angle)
    squared = (along * factor) ** 2 + across**2
    squared[0, 0] = 1.0
    amplitude = np.maximum(squared, coarsest**-2) ** np.float32(-slope / 4)
    amplitude[0, 0] = 0.0
    spectrum = np.fft.rfft2(rng.standard_normal((side_y, side_x), dtype=np.float32)) * amplitude
    field = np.fft.irfft2(spectrum, s=(side_y, side_x))
    field /= field.std()
    return np.asarray(field[:height, :width], dtype=np.float32)


def line(rng: np.random.Generator, length: int, scales: tuple[float, ...]) -> Floats:
    """One-dimensional noise: sum of white noise smoothed at each of `scales` (samples).

    Returns (length,), mean 0, standard deviation 1.
    """
    total = np.zeros(length)
    for scale in scales:
        reach = int(3 * scale) + 1
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / scale) ** 2)
        rough = rng.standard_normal(length + 2 * reach)
        smooth = np.convolve(rough, kernel, mode="valid")
        total += smooth / np.sqrt(np.sum(kernel**2))
    return np.asarray((total - total.mean()) / total.std(), dtype=np.float32)


def blur(image: Floats, sigma: float) -> Floats:
    """Gaussian blur of the last two axes, `sigma` in pixels; edges repeat.

    Returns the shape of `image`; a constant image stays as it is.
    """
    if sigma <= 0:
        return image
    reach = int(np.ceil(3.5 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (kernel / kernel.sum()).astype(np.float32)
    edges = [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image, [*edges, (reach, reach), (0, 0)], mode="edge")
    rows = image.shape[-2]
    tall = sum(w * padded[..., k : k + rows, :] for k, w in enumerate(weights))
    padded = np.pad(np.asarray(tall), [*edges, (0, 0), (reach, reach)], mode="edge")
    columns = image.shape[-1]
    wide = sum(w * padded[..., k : k + columns] for k, w in enumerate(weights))
    return np.asarray(wide, dtype=np.float32)


def blur_coarse(image: Floats, sigma: float) -> Floats:
    """Approximate `blur` of an (H, W) image with a large sigma, on means of 4 x 4 pixels."""
    height, width = image.shape
    padded = np.pad(image, ((0, -height % 4), (0, -width % 4)), mode="edge")
    rows, columns = padded.shape[0] // 4, padded.shape[1] // 4
    small = blur(padded.reshape(rows, 4, columns, 4).mean(axis=(1, 3)), sigma / 4)
    return np.asarray(small.repeat(4, axis=0).repeat(4, axis=1)[:height, :width])


def _smooth_size(least: int) -> int:
    """The smallest size >= `least` of the form 2**a * 3**b * 5**c: fast to transform."""
    size = least
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1
