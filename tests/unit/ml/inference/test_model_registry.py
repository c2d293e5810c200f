import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tulip_ops.core.errors import ModelDamaged, ModelNotFound
from tulip_ops.core.types import BANDS, ModelReference
from tulip_ops.ml.inference import model_registry
from tulip_ops.ml.inference.model_registry import Normalization

RGB = ("red", "green", "blue")
WEIGHTS = b"not really weights, but bytes with a checksum"


def put(models: Path, name: str, version: str, bands: tuple[str, ...] = RGB, **fields: Any) -> Path:
    folder = models / name / version
    folder.mkdir(parents=True)
    (folder / "model.weights.h5").write_bytes(WEIGHTS)
    unet = name.startswith("unet")
    card = {
        "kind": "unet" if unet else "cloud-filter",
        "name": name,
        "version": version,
        "created": "2026-11-22",
        "bands": bands,
        "chip": 128,
        "architecture": {"network": "unet", "base": 4, "levels": 2}
        if unet
        else {"network": "resnet50"},
        "normalization": {
            "lowest": 0.0,
            "highest": 1.0,
            "mean": [0.2] * len(bands),
            "std": [0.1] * len(bands),
        },
        "threshold": 0.5,
        "bloom_threshold": 0.4 if unet else None,
        "chip_threshold": None if unet else 0.6,
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
        "training": {"data": "none", "licence": "none", "settings": {"seed": 1}},
        "metrics": {"iou": 0.5},
    } | fields
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def test_auto_takes_most_bands_then_the_newest_version(tmp_path: Path) -> None:
    put(tmp_path, "unet-rgb", "1.9")
    put(tmp_path, "unet-rgb", "1.10")
    put(tmp_path, "unet-10-bands", "1.0", BANDS)
    put(tmp_path, "cloud-filter-rgb", "3")

    rgb = model_registry.choose(tmp_path, "unet", "auto", RGB)
    all_bands = model_registry.choose(tmp_path, "unet", "auto", BANDS)

    assert str(rgb.reference) == "unet-rgb/1.10"
    assert str(all_bands.reference) == "unet-10-bands/1.0"
    assert rgb.folder == tmp_path / "unet-rgb" / "1.10"


def test_a_choice_names_a_model_or_one_version_of_it(tmp_path: Path) -> None:
    put(tmp_path, "unet-rgb", "1")
    put(tmp_path, "unet-rgb", "2")

    assert model_registry.choose(tmp_path, "unet", "unet-rgb", BANDS).version == "2"
    assert model_registry.choose(tmp_path, "unet", "unet-rgb/1", BANDS).version == "1"
    assert model_registry.find(tmp_path, "unet-rgb/1").version == "1"


def test_a_promoted_version_is_taken_until_another_is_promoted(tmp_path: Path) -> None:
    old = model_registry.read_card(put(tmp_path, "unet-rgb", "1"))
    new = model_registry.read_card(put(tmp_path, "unet-rgb", "2"))
    put(tmp_path, "unet-multispectral", "1", BANDS)

    def taken(choice: str, bands: tuple[str, ...] = RGB) -> str:
        return str(model_registry.choose(tmp_path, "unet", choice, bands).reference)

    assert taken("auto") == "unet-rgb/2"
    model_registry.promote(old)
    assert taken("auto") == taken("unet-rgb") == "unet-rgb/1"
    assert taken("unet-rgb/2") == "unet-rgb/2"
    assert taken("auto", BANDS) == "unet-multispectral/1"
    model_registry.promote(new)
    assert taken("auto") == "unet-rgb/2"
    assert model_registry.promoted(tmp_path, "unet-rgb") == "2"
    assert model_registry.promoted(tmp_path, "unet-multispectral") is None
    assert sorted(path.name for path in old.folder.parent.iterdir()) == ["1", "2", "promoted"]


@pytest.mark.parametrize("version", ["7", "", "../unet-rgb/2/../7"])
def test_a_promoted_version_that_is_gone_is_told(tmp_path: Path, version: str) -> None:
    put(tmp_path, "unet-rgb", "2")
    (tmp_path / "unet-rgb" / "promoted").write_text(version)

    with pytest.raises(ModelNotFound, match="tulip models promote"):
        model_registry.choose(tmp_path, "unet", "auto", RGB)
    assert model_registry.find(tmp_path, "unet-rgb/2").version == "2"


def test_thresholds_are_named_by_output(tmp_path: Path) -> None:
    unet = model_registry.read_card(put(tmp_path, "unet-rgb", "1"))
    clouds = model_registry.read_card(put(tmp_path, "cloud-filter-rgb", "1"))

    assert unet.thresholds == {"tulip": 0.5, "bloom": 0.4}
    assert clouds.thresholds == {"chip": 0.6, "cell": 0.5}


def test_a_missing_model_says_what_there_is(tmp_path: Path) -> None:
    put(tmp_path, "unet-10-bands", "1", BANDS)

    with pytest.raises(ModelNotFound, match=r"bands red, green, blue.*unet-10-bands/1"):
        model_registry.choose(tmp_path, "unet", "auto", RGB)
    with pytest.raises(ModelNotFound, match="there is none"):
        model_registry.choose(tmp_path, "cloud-filter", "auto", BANDS)
    with pytest.raises(ModelNotFound, match="unet-10-bands/1"):
        model_registry.find(tmp_path, "unet-10-bands/7")


def test_a_card_says_which_network_it_is(tmp_path: Path) -> None:
    card = model_registry.read_card(put(tmp_path, "unet-rgb", "1"))

    assert card.reference == ModelReference("unet-rgb", "1", hashlib.sha256(WEIGHTS).hexdigest())
    assert card.weights.read_bytes() == WEIGHTS
    model_registry.verify(card)


def test_changed_or_missing_weights_are_noticed(tmp_path: Path) -> None:
    card = model_registry.read_card(put(tmp_path, "unet-rgb", "1"))

    card.weights.write_bytes(WEIGHTS[:-1])
    with pytest.raises(ModelDamaged, match="fetch the model again"):
        model_registry.verify(card)
    card.weights.unlink()
    with pytest.raises(ModelDamaged, match="cannot be read"):
        model_registry.verify(card)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chip": "large"}, "chip"),
        ({"normalization": {"lowest": 0, "highest": 1, "mean": [1], "std": [1]}}, "one length"),
        ({"architecture": {"network": "resnet50"}}, "cannot be"),
        ({"bloom_threshold": None}, "bloom_threshold"),
        ({"threshold": 1.5}, "threshold"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_bad_card_is_refused_by_name(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = put(tmp_path, "unet-rgb", "1", **change)

    with pytest.raises(ModelDamaged, match=said) as raised:
        model_registry.read_card(folder)
    assert str(folder / "model.json") in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_what_is_no_card_at_all_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)

    with pytest.raises(ModelDamaged, match=r"model\.json"):
        model_registry.read_card(tmp_path)


def test_a_card_survives_writing_and_reading(tmp_path: Path) -> None:
    card = model_registry.read_card(put(tmp_path, "unet-rgb", "1"))

    model_registry.write(card, "# text\n")

    assert model_registry.read_card(card.folder) == card
    assert (card.folder / "CARD.md").read_text() == "# text\n"
    assert "folder" not in json.loads((card.folder / "model.json").read_text())


def test_normalization_clips_then_scales_and_knows_nothing_of_holes() -> None:
    normalization = Normalization(lowest=0.0, highest=0.4, mean=(0.2, 0.1), std=(0.1, 0.2))
    pixels = np.array([[0.3, 0.3], [0.9, -1.0], [np.nan, 0.1]], dtype=np.float32)

    normalized = normalization.apply(pixels)

    assert normalized.dtype == np.float32
    np.testing.assert_allclose(normalized, [[1, 1], [2, -0.5], [0, 0]], atol=1e-6)


def test_the_registry_does_not_pay_for_tensorflow() -> None:
    code = (
        "import sys; import tulip_ops.ml.inference.model_registry, tulip_ops.ml.datasets.scenes;"
        " print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
