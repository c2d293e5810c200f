"""Which engine runs a network: decided by files and settings, before anything is imported."""

import json
from datetime import date
from pathlib import Path

import pytest

from tulip_ops.core.errors import ExportDamaged, ExportMissing
from tulip_ops.core.processing_settings import NetworkSettings
from tulip_ops.ml.inference import engine_selection, export_manifest
from tulip_ops.ml.inference.engine_selection import Engine, EngineRequest
from tulip_ops.ml.inference.export_manifest import Export, Precision, Variant
from tulip_ops.ml.inference.model_registry import Card, Normalization, Training, UNetArchitecture


@pytest.fixture
def card(tmp_path: Path) -> Card:
    folder = tmp_path / "models" / "tiny" / "1"
    folder.mkdir(parents=True)
    return Card(
        kind="unet",
        name="tiny",
        version="1",
        created=date(2026, 11, 28),
        bands=("red",),
        chip=64,
        architecture=UNetArchitecture(base=1, levels=1),
        normalization=Normalization(lowest=0, highest=1, mean=(0,), std=(1,)),
        threshold=0.5,
        bloom_threshold=0.5,
        sha256="1" * 64,
        training=Training(data="none", licence="none", settings={}),
        metrics={},
        folder=folder,
    )


def export(card: Card, root: Path | None = None, **accepted: bool) -> Path:
    """An export of that card whose precisions are accepted or not."""
    place = export_manifest.place(card, root)
    place.mkdir(parents=True)
    variants: dict[Precision, Variant] = {}
    for precision, good in accepted.items():
        (place / f"{precision}.xml").write_text(precision)
        (place / f"{precision}.bin").write_bytes(b"numbers")
        digest = export_manifest.digest(place / f"{precision}.xml")
        variants[precision] = Variant(  # type: ignore[index]
            file=f"{precision}.xml", sha256=digest, metrics={}, accepted=good
        )
    made = Export(
        format=export_manifest.FORMAT, model="tiny/1", weights=card.sha256, openvino="1",
        scenes="none", keras={}, variants=variants,
    )  # fmt: skip
    (place / export_manifest.NAME).write_text(made.model_dump_json())
    return place


def chosen(card: Card, engine: str = "auto", precision: str = "auto") -> str:
    return str(engine_selection.choose_engine(card, EngineRequest(engine, precision)))  # type: ignore[arg-type]


def test_without_an_export_it_is_keras_in_single_precision(card: Card) -> None:
    assert chosen(card) == "keras fp32"
    assert chosen(card, precision="bf16") == "keras bf16"
    assert (
        engine_selection.choose_engine(card, engine_selection.engine_request(NetworkSettings()))
        == engine_selection.KERAS
    )


def test_auto_takes_the_fastest_that_was_accepted_and_never_another(card: Card) -> None:
    export(card, fp32=True, bf16=True, int8=False)

    assert chosen(card) == "openvino bf16"
    assert chosen(card, precision="fp32") == "openvino fp32"
    assert chosen(card, engine="keras") == "keras fp32"


def test_what_is_asked_for_and_was_not_accepted_is_an_error(card: Card) -> None:
    with pytest.raises(ExportMissing, match="tulip models export tiny/1"):
        chosen(card, engine="openvino")
    export(card, bf16=True, int8=False)
    with pytest.raises(ExportMissing, match="int8"):
        chosen(card, precision="int8")


def test_an_export_of_other_weights_is_none(card: Card) -> None:
    export(card, bf16=True)

    assert chosen(card.model_copy(update={"sha256": "2" * 64})) == "keras fp32"


def test_an_export_of_another_format_says_what_to_do(card: Card) -> None:
    place = export(card, bf16=True)
    told = json.loads((place / export_manifest.NAME).read_text())
    (place / export_manifest.NAME).write_text(json.dumps(told | {"format": 1}))

    with pytest.raises(ExportDamaged, match="repeat `tulip models export tiny/1`"):
        chosen(card)


def test_exports_may_lie_elsewhere(card: Card, tmp_path: Path) -> None:
    place = export(card, tmp_path / "exports", bf16=True)

    found = engine_selection.choose_engine(
        card, EngineRequest("auto", exports=tmp_path / "exports")
    )
    assert found.folder == place == tmp_path / "exports" / "tiny" / "1"
    assert chosen(card) == "keras fp32"


def test_recipes_tell_apart_what_differs_by_more_than_rounding(card: Card) -> None:
    export(card, fp32=True, bf16=True, int8=True)
    told = {
        precision: engine_selection.choose_engine(card, EngineRequest("openvino", precision)).recipe
        for precision in export_manifest.FASTEST_FIRST
    }

    assert told["fp32"] == engine_selection.KERAS.recipe
    assert told["bf16"] == Engine("keras", "bf16").recipe
    assert told["int8"]["export"] == export_manifest.digest(
        export_manifest.place(card, None) / "int8.xml"
    )


def test_damage_is_refused(card: Card) -> None:
    place = export(card, bf16=True)
    engine = engine_selection.choose_engine(card, EngineRequest("auto"))
    assert engine.variant is not None
    assert export_manifest.verify(engine.variant, place) == place / "bf16.xml"

    (place / "bf16.bin").write_bytes(b"other numbers")
    with pytest.raises(ExportDamaged, match="export the model again"):
        export_manifest.verify(engine.variant, place)
    (place / "bf16.bin").unlink()
    with pytest.raises(ExportDamaged, match="cannot be read"):
        export_manifest.verify(engine.variant, place)
    (place / export_manifest.NAME).write_text(json.dumps({"format": export_manifest.FORMAT}))
    with pytest.raises(ExportDamaged, match="cannot be read"):
        chosen(card)
