"""How many parcels are found, and how far their outlines are from the true ones.

    .tulip/venv/bin/python -m bench.fields.objects [--models NAME/VERSION ...] [--peers PYTHON]

Twelve simulated scenes under a clear sky, of four polders on three days, with the truth made
noisy and with the probability that each network gives. Rows are connected pixels, the watershed
of scikit-image, and our watershed with outlines along pixel edges and with regular ones. Without
--peers, a python that has bench/requirements.txt, scikit-image is left out. Over- and
under-segmentation are those of Persello and Bruzzone, 2010; distance is the median over the
matched objects of the median distance between both outlines, with the 90th percentile beside it;
shift is the consistency with what is found in the image without its first rows and columns. Takes
about two minutes on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from bench.fields import scenes
from bench.fields.scenes import GRID, MINIMUM_AREA, Floats, Scene
from tulip_ops.core.types import BANDS
from tulip_ops.fields.delineation import polygonize, regularize, ribbons, small_pieces, watershed
from tulip_ops.ml.evaluation import object_metrics
from tulip_ops.ml.inference import model_registry, predictors
from tulip_ops.raster import rasterize
from tulip_ops.raster.grid import Grid
from tulip_ops.raster.probability import ProbabilityRaster

SHIFT = (3, 5)
"""Rows and columns left out for the consistency under a shift."""
MODELS = ("unet-multispectral/2", "unet-rgb/3")

Found = list[Polygon]


@dataclass(frozen=True, slots=True)
class Source:
    """Where probabilities come from."""

    name: str
    threshold: float
    probability: Callable[[Scene, Floats], Floats]
    """From a scene and its image, or a part of it, (bands, rows, columns), to (rows, columns)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A probability raster, whose fields are compared with the parcels."""

    parcels: list[Polygon]
    probability: Floats
    grid: Grid


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="*", default=MODELS, help="networks in models/")
    parser.add_argument("--peers", type=Path, help="python that has bench/requirements.txt")
    options = parser.parse_args()
    made = list(scenes.scenes())
    print(f"{'':40}recall  prec.    F1  over under  distance m     IoU  corners  shift")
    for source in sources(options.models):
        whole = [case(source, scene, 0, 0) for scene in made]
        moved = [case(source, scene, *SHIFT) for scene in made]
        for name, way in ways(options.peers).items():
            found, again = (way(some, source.threshold) for some in (whole, moved))
            show(f"{source.name}, {name}", whole, found, [one.grid for one in moved], again)
        show_areas(whole, source.threshold)
        show_ribbons(whole, source.threshold)


def sources(models: Sequence[str]) -> Iterable[Source]:
    """The truth made noisy, then the networks."""
    yield Source("noisy truth", 0.475, noisy)
    for name in models:
        card = model_registry.find(Path("models"), name)
        network = predictors.load_unet(card, 2)
        yield Source(name, card.threshold, said_by(network))


def said_by(network: predictors.UNet) -> Callable[[Scene, Floats], Floats]:
    return lambda _, image: network.tulip_probability(image, BANDS)[0]


def noisy(scene: Scene, image: Floats) -> Floats:
    """The truth made noisy, of the last rows and columns."""
    rows, columns = image.shape[1:]
    return scenes.noisy(scene)[-rows:, -columns:]


def case(source: Source, scene: Scene, down: int, right: int) -> Case:
    """A scene without its first rows and columns."""
    image = scene.image.reflectance[:, down:, right:]
    left, top = GRID.left + 10 * right, GRID.top - 10 * down
    grid = Grid(GRID.epsg, left, top, GRID.width - right, GRID.height - down)
    return Case(scene.parcels, source.probability(scene, image), grid)


def ways(peers: Path | None) -> dict[str, Callable[[list[Case], float], list[Found]]]:
    """By name, from cases and a threshold to the fields found in each."""
    own = {"connected": connected, "pixel edges": traced, "regular": regular}
    if peers is None:
        return dict(own)
    return {**own, "scikit-image": lambda cases, level: by_scikit_image(cases, level, peers)}


def connected(cases: list[Case], threshold: float) -> list[Found]:
    return [
        large(rasterize.mask_to_polygons(one.probability >= threshold, one.grid)) for one in cases
    ]


def traced(cases: list[Case], threshold: float) -> list[Found]:
    return [
        large(
            polygonize.polygonize(
                watershed.segment_fields(
                    ProbabilityRaster(one.probability),
                    threshold=threshold,
                    smallest=MINIMUM_AREA / one.grid.resolution**2,
                ),
                one.grid,
            )
        )
        for one in cases
    ]


def regular(cases: list[Case], threshold: float) -> list[Found]:
    return [
        regularize.regularize(
            fields, one.grid, ProbabilityRaster(one.probability), threshold=threshold
        )
        for one, fields in zip(cases, traced(cases, threshold), strict=True)
    ]


def by_scikit_image(cases: list[Case], threshold: float, peers: Path) -> list[Found]:
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "probabilities.npz", Path(folder) / "labels.npz"
        names = [f"{threshold}|{number}" for number in range(len(cases))]
        np.savez(given, **dict(zip(names, [one.probability for one in cases], strict=True)))  # type: ignore[arg-type]
        script = Path(__file__).with_name("peers.py")
        subprocess.run([peers, script, given, answer], check=True)
        with np.load(answer) as labels:
            found = [labels[name] for name in names]
    return [pieces(label, one.grid) for label, one in zip(found, cases, strict=True)]


def pieces(labels: NDArray[np.int32], grid: Grid) -> Found:
    """Polygons of labels that may be in several pieces."""
    found = [rasterize.mask_to_polygons(labels == one, grid) for one in np.unique(labels)[1:]]
    return large([piece for outlines in found for piece in outlines])


def large(outlines: Found) -> Found:
    return small_pieces.without_small_pieces(outlines, resolution=10, minimum_area=MINIMUM_AREA)


def show(
    name: str, cases: list[Case], found: list[Found], parts: list[Grid], again: list[Found]
) -> None:
    """Print a row: means over the scenes, and medians over all matched objects.

    again: what is found in the `parts` of the scenes alone.
    """
    both = list(zip(found, [one.parcels for one in cases], strict=True))
    scored = [object_metrics.scores(*one) for one in both]
    recall, precision, f1, over, under = (
        np.mean([getattr(one, field) for one in scored])
        for field in ("recall", "precision", "f1", "over_segmentation", "under_segmentation")
    )
    matched = [object_metrics.matches(object_metrics.overlaps(*one)) for one in both]
    distance = np.concatenate(
        [object_metrics.boundary_distances(*one, m) for one, m in zip(both, matched, strict=True)]
    )
    corners = [
        shapely.get_num_coordinates(ours[index]) - 1
        for (ours, _), pairs in zip(both, matched, strict=True)
        for index in pairs.predicted
    ]
    iou = np.median(np.concatenate([pairs.iou for pairs in matched]))
    shift = np.mean([consistency(*one) for one in zip(found, again, parts, strict=True)])
    print(
        f"{name:40}{recall:6.3f} {precision:6.3f} {f1:5.3f} {over:5.3f} {under:5.3f}"
        f"   {np.median(distance):5.2f} {np.quantile(distance, 0.9):5.2f}   {iou:6.4f}"
        f" {np.median(corners):7.0f}  {shift:6.4f}",
        flush=True,
    )


def show_areas(cases: list[Case], threshold: float) -> None:
    """Print how much regular outlines change areas, against pixel edges."""
    before, after = (
        np.concatenate([shapely.area(some) for some in way(cases, threshold)])
        for way in (traced, regular)
    )
    change = np.abs(after / before - 1)
    print(
        f"    areas change by {np.median(change):.2%} (median), {np.quantile(change, 0.95):.2%}"
        f" (95 %), {change.max():.2%} (most), all together {after.sum() / before.sum() - 1:+.2%}"
    )


def show_ribbons(cases: list[Case], threshold: float) -> None:
    """Print which shares of the right fields and of the others would be dropped as ribbons."""
    right, wrong = [], []
    for fields, one in zip(regular(cases, threshold), cases, strict=True):
        pairs = object_metrics.matches(object_metrics.overlaps(fields, one.parcels))
        right += [fields[index] for index in pairs.predicted]
        wrong += [fields[index] for index in set(range(len(fields))) - set(pairs.predicted)]
    for width in (20, 30):
        lost, rid = (
            len(ribbons.without_ribbons(some, width).dropped) / len(some) for some in (right, wrong)
        )
        print(f"    narrower than {width} m: {lost:.1%} of right fields, {rid:.1%} of the others")


def consistency(one: Found, other: Found, part: Grid) -> float:
    """Of the fields that lie within a part of a scene."""
    inner = shapely.box(*part.bounds).buffer(-1)
    inside = ([field for field in some if field.within(inner)] for some in (one, other))
    return object_metrics.consistency(*inside)


if __name__ == "__main__":
    main()
