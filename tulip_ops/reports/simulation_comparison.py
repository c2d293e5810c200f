"""Real and simulated images side by side: what `tulip simulate --compare` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tulip_ops.core.errors import BadScene
from tulip_ops.core.types import BANDS
from tulip_ops.raster import header, reader
from tulip_ops.raster.projection import geodesic_area
from tulip_ops.reports import html, plotting
from tulip_ops.simulate import TOP, Sky, Weather, make_polder, make_scene
from tulip_ops.simulate.sky import sun
from tulip_ops.sources.archive import geotiff_metadata

PICTURE, PAGE = "comparison.png", "comparison.html"
STRETCH = 2.5
"""Gain of both: level = 255 * reflectance * STRETCH."""
PIXEL = 10.0
"""Metres of a simulated pixel before it is resampled to the real image's."""
_SPREAD = 0.58
"""Sigma of the point spread, pixels: as sharp as the real images of 2016."""
_COLOURS = [BANDS.index(band) for band in ("red", "green", "blue")]
_PERCENTS = (5, 25, 50, 75, 95)
_FREQUENCIES = (0.05, 0.2, 0.35, 0.45)

Levels = NDArray[np.float32]
"""(3, height, width) red, green and blue, 0..255; NaN where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """A real 8-bit true-colour image."""

    name: str
    day: date
    pixel: float
    """Metres on the ground of a pixel's side."""
    levels: Levels


def compare(folder: Path, out: Path, seed: int = 0) -> list[Path]:
    """Draw every real rendering in `folder` beside two simulated scenes of its day and size.

    One simulated scene is clear, the other under scattered cloud; both are seen through the air
    of L1C, at the real image's pixel size. Writes a picture and a page with figures into `out`.
    `BadScene` if `folder` holds no 8-bit true-colour GeoTIFF. The same seed gives the same picture.
    """
    renderings = read_renderings(folder)
    clear = [simulated(real, Weather.CLEAR, seed + n) for n, real in enumerate(renderings)]
    cloudy = [simulated(real, Weather.SCATTERED, seed + n) for n, real in enumerate(renderings)]
    out.mkdir(parents=True, exist_ok=True)
    _draw(out / PICTURE, renderings, clear, cloudy)
    rows = []
    for real, own in zip(renderings, clear, strict=True):
        rows.append((f"real, {real.name}", figures(real.levels)))
        rows.append((f"simulated, {real.day}", figures(own)))
    (out / PAGE).write_text(page(rows), encoding="utf-8")
    return [out / PICTURE, out / PAGE]


def read_renderings(folder: Path) -> list[Rendering]:
    """The 8-bit true-colour GeoTIFFs of a folder, by day; other rasters, as masks, are left out."""
    found = []
    for path in sorted(folder.glob("*.tif*")):
        facts = header.inspect(str(path))
        if facts.dtype != "uint8" or len(facts.bands) != 3:
            continue
        scene = geotiff_metadata.parse_metadata(path, facts)
        pixel = np.sqrt(geodesic_area(scene.footprint) / (facts.shape[0] * facts.shape[1]))
        day = scene.sensed_at.date()
        found.append(Rendering(path.name, day, float(pixel), reader.read_pixels(path)))
    if not found:
        raise BadScene(
            f"{folder} holds no GeoTIFF of three bands of uint8 to compare with: put true-colour"
            " renderings there, named as in ..._20160508-104027_TRUE_COLOR.tif"
        )
    return sorted(found, key=lambda one: (one.day, one.name))


def simulated(real: Rendering, weather: Weather, seed: int) -> Levels:
    """A simulated scene of the day, the size and the pixels of a real image."""
    rows, columns = (max(16, round(n * real.pixel / PIXEL)) for n in real.levels.shape[1:])
    rng = np.random.default_rng([seed, 5])
    cover = float(rng.uniform(0.08, 0.2)) if weather != Weather.CLEAR else 0.0
    elevation, azimuth = sun(real.day)
    sky = Sky(weather, cover, 2.0, 900.0, sun_elevation=elevation, sun_azimuth=azimuth)
    polder = make_polder(seed, rows, columns, [real.day.year])
    scene = make_scene(polder, real.day, sky=sky, seed=seed, atmosphere=TOP, spread=_SPREAD)
    levels = resample(scene.reflectance[_COLOURS] * 255 * STRETCH, *real.levels.shape[1:])
    return np.asarray(np.round(np.clip(levels, 0, 255)), dtype=np.float32)


def resample(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """`image` (bands, rows, columns) on (height, width) pixels, by cubic convolution.

    Keys (1981), a = -0.5, as image servers upsample; edges repeat. A constant stays constant.
    """
    down, right = _weights(image.shape[1], height), _weights(image.shape[2], width)
    return np.asarray(np.einsum("hr,brc,wc->bhw", down, image, right, optimize=True))


def _weights(count: int, wanted: int) -> NDArray[np.float32]:
    """(wanted, count): what each of `count` samples gives to each of `wanted`."""
    place = (np.arange(wanted) + 0.5) * count / wanted - 0.5
    weights = np.zeros((wanted, count), dtype=np.float32)
    for step in range(-1, 3):
        source = np.floor(place).astype(np.intp) + step
        off = np.abs(place - source)
        near = 1.5 * off**3 - 2.5 * off**2 + 1
        far = -0.5 * off**3 + 2.5 * off**2 - 4 * off + 2
        share = np.where(off < 1, near, np.where(off < 2, far, 0))
        np.add.at(weights, (np.arange(wanted), source.clip(0, count - 1)), share)
    return weights


def figures(levels: Levels) -> Mapping[str, str]:
    """What a viewer sees of an image, in numbers: levels, colours, smoothness, sharpness."""
    measured = levels[:, np.isfinite(levels).all(axis=0)]
    red, green, blue = measured
    ratio = red / np.maximum(green, 1)
    windows = np.lib.stride_tricks.sliding_window_view(levels[0], (5, 5))[::2, ::2]
    spread = windows.std(axis=(-2, -1))
    steps = np.abs(np.diff(levels[0], axis=1))
    return {
        "median R, G, B": _listed(np.median(measured, axis=1), 0),
        "R at 5, 25, 50, 75, 95 %": _listed(np.percentile(red, _PERCENTS), 0),
        "R/G at 5, 25, 50, 75, 95 %": _listed(np.percentile(ratio, _PERCENTS), 2),
        "R/G > 1.4, %": f"{100 * (ratio > 1.4).mean():.1f}",
        "G/B > 1.15, %": f"{100 * (green > 1.15 * np.maximum(blue, 1)).mean():.1f}",
        "spread of R in 5 x 5 pixels at 10, 50, 75 %": _listed(
            np.nanpercentile(spread, (10, 50, 75)), 1
        ),
        "step of R at 50, 95, 99 %": _listed(np.nanpercentile(steps, (50, 95, 99)), 1),
        "log10 power of G at 0.05, 0.2, 0.35, 0.45 cycles/pixel": _listed(power(levels[1]), 2),
    }


def power(band: NDArray[np.float32]) -> NDArray[np.float64]:
    """log10 of the mean power of a band (height, width) at each of four frequencies."""
    height, width = band.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    filled = np.nan_to_num(band, nan=float(np.nanmean(band)))
    spectrum = np.abs(np.fft.rfft2((filled - filled.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    rings = [spectrum[np.abs(frequency - centre) < 0.02] for centre in _FREQUENCIES]
    return np.array([np.log10(ring.mean() + 1e-9) for ring in rings])


def _listed(values: NDArray[np.floating], digits: int) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values.tolist())


def page(rows: Sequence[tuple[str, Mapping[str, str]]]) -> str:
    """An HTML page with the picture and a table: image and its figures, row by row."""
    names = list(rows[0][1])
    return html.render(
        "comparison.html.j2",
        title="Real and simulated",
        picture=PICTURE,
        names=names,
        rows=[(image, [found[name] for name in names]) for image, found in rows],
    )


def _draw(
    path: Path,
    renderings: Sequence[Rendering],
    clear: Sequence[Levels],
    cloudy: Sequence[Levels],
) -> None:
    figure = plotting.new_figure(15, 5.2 * len(renderings))
    panels = figure.subplots(len(renderings), 3, squeeze=False)
    for row, real, *own in zip(panels, renderings, clear, cloudy, strict=True):
        headings = (f"real, {real.day}", "simulated, clear", "simulated, scattered cloud")
        for axes, levels, heading in zip(row, (real.levels, *own), headings, strict=True):
            axes.imshow(np.moveaxis(np.nan_to_num(levels), 0, -1).astype(np.uint8))
            axes.set_title(heading, fontsize=11)
            axes.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=100)
