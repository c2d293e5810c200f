import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.ml.inference.test_model_registry import put
from tulip_ops.cli.main import main
from tulip_ops.core.types import BANDS


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TULIP_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("TULIP_STATE", str(tmp_path / "state"))
    put(tmp_path / "models", "unet-rgb", "1")
    put(tmp_path / "models", "unet-rgb", "2")
    put(tmp_path / "models", "unet-multispectral", "1", BANDS)
    return tmp_path / "models"


def tulip(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_the_promoted_version_is_marked(models: Path) -> None:
    done = tulip("models", "promote", "unet-rgb/1")
    assert done.exit_code == 0
    assert done.output == "unet-rgb/1 is used from now on\n"

    lines = tulip("models", "list").output.splitlines()
    assert [line.split()[0] for line in lines if line.endswith("(promoted)")] == ["unet-rgb/1"]
    listed = json.loads(tulip("models", "list", "--json").output)["models"]
    assert [model["name"] for model in listed if model["promoted"]] == ["unet-rgb/1"]


def test_promoting_says_what_it_replaces(models: Path) -> None:
    tulip("models", "promote", "unet-rgb/1")

    done = tulip("models", "promote", "unet-rgb/2", "--json")

    assert json.loads(done.output) == {"promoted": "unet-rgb/2", "before": "1"}


def test_neither_damaged_nor_missing_models_are_promoted(models: Path) -> None:
    (models / "unet-rgb" / "2" / "model.weights.h5").write_bytes(b"cut short")

    assert tulip("models", "promote", "unet-rgb/2").exit_code == 1
    assert tulip("models", "promote", "unet-rgb/7").exit_code == 2
    assert not (models / "unet-rgb" / "promoted").exists()


def test_a_source_of_scenes_that_is_none_is_bad_input(models: Path, tmp_path: Path) -> None:
    done = tulip("evaluate", "unet-rgb/1", "--data", "dreams", "--out", str(tmp_path / "out"))

    assert done.exit_code == 2
    assert "'dreams'" in done.output
    assert not (tmp_path / "out").exists()
