"""What the benchmarks think; what they measure is shown by running them."""

import copy
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tulip_ops.ml.datasets import labels
from tulip_ops.ml.datasets.scenes import TrainingScene


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository))


@pytest.fixture
def comparisons(bench: None) -> ModuleType:
    from bench.networks import comparisons

    return comparisons


@pytest.fixture
def real_scenes(bench: None) -> ModuleType:
    from bench.networks import real_scenes

    return real_scenes


def test_situations_are_what_their_names_say(comparisons: ModuleType) -> None:
    found = comparisons.situations(3, side=160)

    assert {name: len(scenes) for name, scenes in found.items()} == {
        "full bloom": 3, "complex fields": 1, "broken cloud": 3, "not obvious": 3,
    }  # fmt: skip
    for name, scenes in found.items():
        for scene in scenes:
            tulip = scene.truth[..., labels.TULIP] == 1
            flowering = scene.truth[..., labels.FLOWER] >= labels.IN_FLOWER * labels.SHARE
            hidden = labels.hidden(scene.truth)[0]
            assert tulip.any()
            assert scene.dn.shape == (160, 160, 10)
            assert flowering.any() == (name != "not obvious"), name
            assert hidden.any() == (name == "broken cloud"), name
    bloom = {scene.name: comparisons.edges(scene) for scene in found["full bloom"]}
    assert found["complex fields"][0].name == max(bloom, key=lambda name: bloom[name])
    assert comparisons.with_bands(found["full bloom"][0], ("red", "blue")).dn.shape[2] == 2


def test_edges_tell_strips_from_fields(comparisons: ModuleType) -> None:
    def strips(width: int) -> TrainingScene:
        known = np.zeros((120, 120, 4), dtype=np.uint8)
        known[:, (np.arange(120) // width) % 2 == 0, labels.TULIP] = 1
        return TrainingScene(
            "strips", "strips", 2020, np.full((120, 120, 3), 2000, np.uint16), known
        )

    assert comparisons.edges(strips(2)) == pytest.approx(1.0, abs=0.02)
    assert comparisons.edges(strips(20)) == pytest.approx(0.1, abs=0.02)


def test_the_page_says_what_was_measured_and_that_it_is_simulated(
    comparisons: ModuleType, tmp_path: Path
) -> None:
    names = ("chip_accuracy", "chip_f1", "cell_accuracy", "cell_f1")
    figures = {name: [0.9, 0.8, 1] for name in names}
    counts = {"minutes": 3.5, "megabytes": 48.0, "chips_cloudy": 5, "chips_clear": 6}
    network = {**figures, **counts, "chips_left_out": 2}
    networks = {"resnet50": network, "resnet101": network}
    (tmp_path / "resnets.json").write_text(json.dumps({"budget": "little", "networks": networks}))
    iou = {"full bloom": {"unet-rgb/2": [0.8, None, None], "unet-multispectral/2": [0.9, 0.85, 1]}}
    models = ["unet-rgb/2", "unet-multispectral/2"]
    (tmp_path / "bands.json").write_text(
        json.dumps({"models": models, "scenes": {"full bloom": 1}, "iou": iou})
    )

    comparisons.write_page(tmp_path, tmp_path / "docs")

    page = (tmp_path / "docs" / "explanation" / "comparisons.md").read_text()
    assert "**All of this is simulated.**" in page
    assert "| chip f1 | 0.900 (0.800 to 1.000) | 0.900 (0.800 to 1.000) |" in page
    assert "| full bloom | 1 | 0.800 | 0.900 (0.850 to 1.000) |" in page
    for name in ("resnets", "bands"):
        assert (tmp_path / "docs" / "pictures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
        assert f"](../pictures/{name}.png)" in page


def test_real_images_say_what_is_known_of_them_and_no_more(
    real_scenes: ModuleType, real_data: Path
) -> None:
    season = real_scenes.noordoostpolder(real_data)
    verdicts = {scene.name.split()[0]: scene.cloudy for scene in season.scenes}
    assert verdicts == {
        "20160421": False, "20160501": True, "20160508": False, "20160511": False,
    }  # fmt: skip
    for each in season.scenes:
        cells = labels.cell_labels(each.truth)
        assert np.isnan(cells).all() if each.cloudy else (cells == 0).all()
        assert 0.05 < (each.truth[..., labels.TULIP] == 1).mean() < 0.25
        assert (each.truth[..., labels.FLOWER] == labels.UNKNOWN).all()

    (ukis,) = real_scenes.ukis(real_data).scenes
    hidden, unknown = labels.hidden(ukis.truth)
    assert hidden.mean() == pytest.approx(0.298, abs=0.001)
    assert not unknown.any()
    assert real_scenes.with_bands(ukis, ("red", "blue")).dn.shape == (512, 512, 2)

    assert [scene.cloudy for scene in real_scenes.eolearn(real_data).scenes] == [True] * 2 + [
        False
    ] * 3
    series = real_scenes.antwerp(real_data).scenes
    assert len(series) == 19
    assert "antwerp 2023-10-02" in {scene.name for scene in series}
    assert {scene.season for scene in series} == {2023}


def test_the_page_of_real_images_parts_clouds_from_tulips(tmp_path: Path, bench: None) -> None:
    from bench.networks import real_page

    counts = {"hits": 2, "false_alarms": 0, "misses": 1, "right_rejections": 4, "left_out": 0}
    rows = [
        {"source": "one", "contestant": "cloud-filter-rgb/3", "cases": "chips", **counts,
         "accuracy": 6 / 7, "f1": 0.8},
        {"source": "two", "contestant": "unet-rgb/3", "cases": "a date", **counts, "iou": 2 / 3},
    ]  # fmt: skip

    real_page.write(rows, tmp_path / "page.md")

    clouds, tulips = (tmp_path / "page.md").read_text().split("## Tulips")
    assert "| cloud-filter-rgb/3 | chips | 0.857 | 0.800 | 2 | 0 | 1 | 4 | 0 |" in clouds
    assert "| unet-rgb/3 | a date | 0.667 |  |  | 2 | 0 | 1 | 4 | 0 |" in tulips


def test_the_benchmarks_of_networks_name_their_options(repository: Path) -> None:
    import subprocess

    for name in ("real_images", "comparisons"):
        done = subprocess.run(
            [sys.executable, "-m", f"bench.networks.{name}", "--help"],
            cwd=repository, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "--models" in done.stdout


def test_a_benchmark_goes_on_where_it_stopped(tmp_path: Path, bench: None) -> None:
    from bench import kept as keeping

    def measured(question: str, made: Path = tmp_path) -> bool:
        asked: list[int] = []
        kept = keeping.Kept(tmp_path / "parts", [question])
        found = kept.part("one", lambda: asked.append(1) or {"seconds": 2.0}, [made])
        assert (found["seconds"], kept.seconds) == (2.0, found["wall_seconds"])
        return bool(asked)

    assert measured("this")
    assert not measured("this")
    assert measured("this", tmp_path / "gone")
    assert measured("that")


def test_the_page_of_a_tile_says_which_goals_hold(tmp_path: Path, bench: None) -> None:
    from bench.tile import page as tile_page

    networks = {
        "screen": {
            "seconds": 60.0,
            "start_seconds": 1.0,
            "network_seconds": 55.0,
            "windows": [[1, 10, 64, 64]],
        },
        "segment": {
            "seconds": 100.0,
            "start_seconds": 1.0,
            "network_seconds": 90.0,
            "windows": [[1, 10, 64, 64]],
        },
        "vectorize": {"seconds": 9.0, "start_seconds": 0.0, "network_seconds": 0.0, "windows": []},
    }
    whole = {
        step: each
        | {"peak_gb": 1.0, "summary": step, "cpu_seconds": 9.0, "beside": {"reading": 2.0}}
        for step, each in networks.items()
    }
    small = {step: {"seconds": 1.0, "peak_gb": 1.0, "start_seconds": 0.5} for step in networks}
    middle = {step: each | {"seconds": 11.0} for step, each in small.items()}
    computed = {
        "cloud-filter": {"flop": {"1x10x64x64": 6e13}, "gflops": 600, "peak": 1e3, "share": 0.6},
        "unet": {"flop": {"1x10x64x64": 6e13}, "gflops": 1300, "peak": 2e3, "share": 0.65},
    }
    engines = {"cloud-filter": "one/1 openvino bf16", "unet": "two/1 openvino int8"}
    found = {
        "minutes": 1.5, "machine": "2 x some", "threads": 2, "memory_gb": 2.0, "side": 1000,
        "part": 500, "whole": {
            "100": small | {"peak_gb": 1.0}, "500": middle | {"peak_gb": 1.0},
            "1000": whole | {"peak_gb": 1.0, "engines": engines},
        },
        "again": {"seconds": 1.0, "wall_seconds": 2.5},
        "peak": {
            "networks": computed, "probes": {"bf16": {"product": 1e3}, "int8": {"product": 2e3}},
        },
        "batched": {"pixels": 250_000, "work_seconds": 200.0},
        "ancestor": {"pixels": 250_000, "work_seconds": 400.0},
        "shapes": {"outlines": 7, "work_seconds": 3.0, "peak_gb": 0.5},
        "peers": {"pixels": 1_000_000, "torch": 4.0},
    }  # fmt: skip
    alone = {"1000": whole | {"peak_gb": 1.0, "engines": engines}}
    found["plain"] = {"whole": alone, "peak": found["peak"], "again": None}

    tile_page.write(found, tmp_path)

    page = (tmp_path / "explanation" / "performance.md").read_text()
    assert "| from COG to polygons | 240 s at most | 169 s | yes | 169 s | yes |" in page
    assert "| networks, of the machine's peak | 50 % at least | 62% | yes | 62% | yes |" in page
    assert "| unet | int8 | 60.0 | 90.0 | 46.2 | 30.0 | 65% |" in page
    assert "| segment | 9.0 | 2.0 | 7.0 |" in page
    # of a line from 3 s at 1e4 px to 169 s at 1e6 px, 33 s at 25e4 px
    assert (
        "| time, beside a line in the pixels | 10 % at most | off by 24% | **no** |  |  |" in page
    )
    assert "| networks, of the time | 85 % at least | 86% | yes | 86% | yes |" in page
    assert "| again over finished products | 2 s at most | 2.50 s | **no** |  |  |" in page
    assert "PyTorch, a U-Net of the same size, fp32 (tulips alone) | 0.25 |" in page
    assert (tmp_path / "pictures" / "performance.png").stat().st_size > 1000


@pytest.fixture
def beam_found(bench: None) -> dict[str, Any]:
    """What bench/beam/run.py writes: ten seconds to start, and the pace of each way."""
    from bench.beam import page as beam_page

    paces = {beam_page.LOOP: 4.0, beam_page.EACH: 0.5, beam_page.ONE: 2.0, beam_page.TWO: 3.0,
             beam_page.BOTH: 2.5}  # fmt: skip
    left = {"rows": {"detection": "a"}, "products": {"one/tulip.tif": "b"}}
    found = {
        season: {way: {"chips": chips, "seconds": 10 + chips / pace, **copy.deepcopy(left)}
                 for way, pace in paces.items()}
        for season, chips in {"few": 10.0, "whole": 110.0}.items()
    }  # fmt: skip
    return {"machine": "2 x some", "scenes": 22, "few": 2, "side": 512, "images": None,
            "minutes": 5.0, "found": found}  # fmt: skip


def test_the_page_of_an_archive_parts_the_start_from_the_pace(
    tmp_path: Path, beam_found: dict[str, Any]
) -> None:
    from bench.beam import page as beam_page

    beam_page.write(beam_found, tmp_path)

    page = (tmp_path / "explanation" / "beam-speed.md").read_text()
    assert "**The season is simulated**" in page
    assert f"| {beam_page.TWO} | 47 | 2.36 | 0.80 x | 10 | 3.00 | 0.75 x |" in page
    assert "1.50 times as many" in page
    assert "1.20" in page


def test_a_way_that_leaves_something_else_is_named(
    tmp_path: Path, beam_found: dict[str, Any]
) -> None:
    from bench.beam import page as beam_page

    beam_found["found"]["few"][beam_page.TWO]["rows"]["detection"] = "other"
    beam_found["found"]["whole"][beam_page.ONE]["products"] = {}

    assert beam_page.different(beam_found) == [
        f"few, {beam_page.TWO}: rows: detection",
        f"whole, {beam_page.ONE}: products: one/tulip.tif",
    ]
    with pytest.raises(ValueError, match="agree"):
        beam_page.write(beam_found, tmp_path)
