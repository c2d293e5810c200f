"""Manifests of exported networks: only file access, without the library that runs them.

An export is a folder <version>/openvino/ beside the weights, or <exports>/<name>/<version>/: files
for OpenVINO, and export.json with their checksums and metrics, beside those of Keras, on held-out
scenes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tulip_ops.core.errors import ExportDamaged
from tulip_ops.ml.inference.model_registry import Card

Precision = Literal["fp32", "bf16", "int8"]
FASTEST_FIRST: tuple[Precision, ...] = ("int8", "bf16", "fp32")

FORMAT: Final = 2
"""Format of export.json and of the outputs of the networks beside it."""
NAME = "export.json"
FOLDER = "openvino"
GATE = 0.005
"""By how much IoU or accuracy may be below that of Keras."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Variant(_Frozen):
    """One precision of an export."""

    file: str = Field(pattern=r"^[a-z0-9]+\.xml$")
    """What describes the network; its numbers lie beside it, as .bin."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of both files, one after the other."""
    metrics: dict[str, float]
    accepted: bool
    """Whether no metric is below that of Keras by more than GATE."""


class Export(_Frozen):
    """export.json."""

    format: Literal[2]
    """FORMAT."""
    model: str
    """name/version."""
    weights: str = Field(pattern=r"^[0-9a-f]{64}$")
    """sha256 of the weights that it was made from."""
    openvino: str
    """The release that made it."""
    scenes: str
    """What it was measured on."""
    keras: dict[str, float]
    """What Keras reached there in single precision."""
    variants: dict[Precision, Variant]


def place(card: Card, exports: Path | None) -> Path:
    """The folder of the card's export, whether it is there or not."""
    return card.folder / FOLDER if exports is None else exports / card.name / card.version


def read(card: Card, exports: Path | None) -> Export | None:
    """The export of these very weights; None where there is none. `ExportDamaged`."""
    path = place(card, exports) / NAME
    try:
        manifest = json.loads(path.read_bytes())
        if isinstance(manifest, dict) and manifest.get("format") != FORMAT:
            raise ExportDamaged(
                f"{path} was made for another release;"
                f" repeat `tulip models export {card.reference}`"
            )
        export = Export.model_validate(manifest)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise ExportDamaged(
            f"{path} cannot be read ({error}); repeat `tulip models export {card.reference}`"
        ) from error
    return export if export.weights == card.sha256 else None


def digest(xml: Path) -> str:
    """sha256 over the description and the numbers; `FileNotFoundError`."""
    found = hashlib.sha256()
    for path in (xml, xml.with_suffix(".bin")):
        found.update(path.read_bytes())
    return found.hexdigest()


def verify(variant: Variant, folder: Path) -> Path:
    """The file of an export, its checksum verified; `ExportDamaged`."""
    path = folder / variant.file
    try:
        found = digest(path)
    except OSError as error:
        raise ExportDamaged(f"{path} cannot be read ({error}); export the model again") from error
    if found != variant.sha256:
        raise ExportDamaged(
            f"{path} and its numbers have sha256 {found}, {NAME} says {variant.sha256};"
            " export the model again"
        )
    return path
