from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tulip_ops.core.errors import OffsetContradiction
from tulip_ops.core.types import OffsetRule
from tulip_ops.raster.reflectance import (
    OffsetEvidence,
    baseline_offset,
    check_offset,
    decode,
    detect_offset,
    encode,
    resolve_offset,
    true_color_scale,
)

FIELD_DN = {"blue": 480, "green": 760, "red": 680, "nir": 3400}
"""Reflectance of Dutch tulip parcels, x 1e4."""


def scene(added: int, offset: float) -> np.ndarray:
    """(4, 50, 50) reflectance as read, of a field whose pixels carry `added`."""
    noise = np.random.default_rng(1).normal(0, 60, (4, 50, 50))
    dn = np.array(list(FIELD_DN.values()))[:, None, None] + noise + added
    return (dn * 1e-4 + offset).astype(np.float32)


def check(reflectance: np.ndarray, *, scale: float = 1e-4, offset: float = -0.1) -> None:
    check_offset(reflectance, tuple(FIELD_DN), scale=scale, offset=offset, name="S2A_X")


def test_pixels_that_carry_the_declared_offset_pass() -> None:
    check(scene(1000, -0.1))
    check(scene(0, 0.0), offset=0.0)


def test_pixels_without_the_declared_offset_are_refused() -> None:
    with pytest.raises(OffsetContradiction, match=r"S2A_X declares .* not in its pixels: \d\d%"):
        check(scene(0, -0.1))


def test_pixels_that_carry_an_offset_which_nobody_declared_are_refused() -> None:
    with pytest.raises(OffsetContradiction, match=r"all the same: of 2500 pixels of vegetation"):
        check(scene(1000, 0.0), offset=0.0)


def test_few_dark_pixels_are_no_contradiction() -> None:
    reflectance = scene(1000, -0.1)
    reflectance[:3, :5] = -0.01
    check(reflectance)


def test_nothing_measured_is_no_contradiction() -> None:
    check(np.full((4, 3, 3), np.nan, dtype=np.float32))


def test_only_sentinel_2_numbers_are_judged() -> None:
    check(scene(0, -0.1), scale=1.0)


def test_what_was_not_measured_stays_so() -> None:
    reflectance = np.array([np.nan, -0.2, 0.0, 1.0, 9.0], dtype=np.float32)
    assert encode(reflectance).tolist() == [0, 1, 1000, 11000, 65535]
    np.testing.assert_allclose(
        decode(encode(reflectance)), [np.nan, -0.0999, 0.0, 1.0, 6.4535], atol=1e-6
    )


def test_the_brightest_step_of_a_rendering_is_the_stretch() -> None:
    assert 255 * true_color_scale(2.5) == pytest.approx(0.4)


CARRIED, ABSENT, SILENT = (OffsetEvidence(c, "seen") for c in (True, False, None))


@pytest.mark.parametrize(
    ("baseline", "offset"),
    [
        ("04.00", -0.1), ("05.11", -0.1), ("4.0", -0.1), ("10.00", -0.1), ("N0510", -0.1),
        ("03.01", 0.0), ("02.14", 0.0), ("0301", 0.0), ("N0214", 0.0),
        (None, None), ("", None), ("unknown", None), ("4", None),
    ],
)  # fmt: skip
def test_baselines_are_compared_as_numbers(baseline: str | None, offset: float | None) -> None:
    assert baseline_offset(baseline) == offset


@pytest.mark.parametrize(
    ("rule", "baseline", "declared", "subtracted", "evidence", "offset"),
    [
        ("declared", "05.11", -0.1, None, CARRIED, -0.1),
        ("declared", "05.11", -0.1, None, SILENT, -0.1),
        ("declared", "02.14", 0.0, None, ABSENT, 0.0),
        ("declared", "05.11", None, None, CARRIED, -0.1),
        ("baseline", "05.00", 0.0, None, CARRIED, -0.1),
        ("baseline", "03.01", -0.1, None, ABSENT, 0.0),
        ("baseline", None, -0.1, None, CARRIED, -0.1),
        ("pixels", "05.11", -0.1, True, CARRIED, -0.1),
        ("pixels", "05.11", -0.1, False, ABSENT, 0.0),
        ("pixels", "05.11", -0.1, True, SILENT, 0.0),
        ("pixels", "05.11", 0.0, False, SILENT, -0.1),
        ("pixels", "03.01", -0.1, None, ABSENT, 0.0),
        ("none", "05.11", None, None, ABSENT, 0.0),
    ],
)
def test_the_rule_and_the_pixels_give_the_offset(
    rule: OffsetRule,
    baseline: str | None,
    declared: float | None,
    subtracted: bool | None,
    evidence: OffsetEvidence,
    offset: float,
) -> None:
    found = resolve_offset(
        rule, baseline=baseline, declared=declared, subtracted=subtracted,
        evidence=evidence, name="S2A_X",
    )  # fmt: skip
    assert found == offset


@pytest.mark.parametrize(
    ("rule", "baseline", "declared", "evidence"),
    [
        ("declared", "05.11", -0.1, ABSENT),
        ("declared", "05.11", 0.0, CARRIED),
        ("baseline", "05.11", None, ABSENT),
        ("baseline", "03.01", None, CARRIED),
        ("pixels", "03.01", None, CARRIED),
        ("none", "05.11", None, CARRIED),
        ("baseline", None, None, SILENT),
        ("pixels", None, None, SILENT),
    ],
)
def test_a_contradiction_is_refused_with_its_evidence(
    rule: OffsetRule, baseline: str | None, declared: float | None, evidence: OffsetEvidence
) -> None:
    with pytest.raises(OffsetContradiction, match=r"S2A_X.*seen.*fetch"):
        resolve_offset(
            rule, baseline=baseline, declared=declared, subtracted=None,
            evidence=evidence, name="S2A_X",
        )  # fmt: skip


@pytest.mark.parametrize("added", [0, 1000])
def test_both_radiometric_baselines_give_the_same_reflectance(added: int) -> None:
    baseline = "05.11" if added else "03.01"
    stored = scene(added, 0.0)
    offset = resolve_offset(
        "pixels", baseline=baseline, declared=None, subtracted=None,
        evidence=detect_offset(stored, tuple(FIELD_DN)), name="S2A_X",
    )  # fmt: skip
    np.testing.assert_allclose(stored + np.float32(offset), scene(0, 0.0), atol=1e-6)


def test_clouds_and_the_sea_do_not_tell() -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, (4, 50, 50))
    cloud, sea = np.float32(noise + 0.7), np.float32(noise / 2 + 0.1 + 0.015)
    assert detect_offset(cloud, tuple(FIELD_DN)).present is None
    assert detect_offset(sea, tuple(FIELD_DN)).present is None


def test_three_colours_tell_only_that_it_is_not_there() -> None:
    bands = ("red", "green", "blue")
    assert detect_offset(scene(0, 0.0)[2::-1], bands).present is False
    assert detect_offset(scene(1000, 0.0)[2::-1], bands).present is None


def real_scenes(folder: Path) -> Iterator[tuple[str, np.ndarray, tuple[str, ...]]]:
    """Real scenes without the 1000: name, (bands, height, width) reflectance, bands."""
    four = ("red", "green", "blue", "nir")
    polder = np.load(folder / "polder_2025" / "sentinel2_parches_polder.npz")
    for day in sorted(set(polder["fecha"])):
        chips = polder["X"][polder["fecha"] == day].astype(np.float32) * np.float32(1e-4)
        yield f"polder {day}", np.moveaxis(chips, 1, 0).reshape(4, -1, 32), four
    with rasterio.open(folder / "ftw_field" / "inference-img.tif") as source:
        pixels = source.read().astype(np.float32) * np.float32(1e-4)
    yield "ftw spring", pixels[:4], four
    yield "ftw autumn", pixels[4:], four
    names = ("coastal", "blue", "green", "red", "re1", "re2", "re3", "nir")
    for number, one in enumerate(np.load(folder / "eolearn_patch" / "REFERENCE_SCENES.npy")):
        yield f"eolearn {number}", np.moveaxis(one, -1, 0)[:8].astype(np.float32), names


def test_real_scenes_are_never_misjudged(real_data: Path) -> None:
    judged = 0
    for name, stored, bands in real_scenes(real_data):
        measured = np.where(stored == 0, np.float32(np.nan), stored)
        without, with_it = (
            detect_offset(measured + np.float32(added), bands) for added in (0, 0.1)
        )
        assert without.present is not True, (name, without)
        assert with_it.present is not False, (name, with_it)
        judged += without.present is False and with_it.present is True
    assert judged >= 9  # of 11: two are under cloud or haze
