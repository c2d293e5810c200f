"""Selects the engine of a network: Keras, the reference, or an export measured against it.

Deciding is file work and fast, for recipes need it before anything heavy is imported; starting, in
`predictors`, imports the library that computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tulip_ops.core.errors import ExportMissing
from tulip_ops.core.processing_settings import NetworkSettings
from tulip_ops.ml.inference import export_manifest
from tulip_ops.ml.inference.export_manifest import FASTEST_FIRST, Export, Precision
from tulip_ops.ml.inference.model_registry import Card


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """Engine, precision and exports that the settings ask for."""

    engine: Literal["auto", "keras", "openvino"] = "keras"
    precision: Literal["auto"] | Precision = "auto"
    exports: Path | None = None
    """Folder of exports, as <exports>/<name>/<version>/; None: beside the weights."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The selected engine of one model."""

    name: Literal["keras", "openvino"]
    precision: Precision
    """Of the products that the network sums up."""
    folder: Path | None = None
    """Of the export; None for Keras."""
    variant: export_manifest.Variant | None = None
    """The part of the export that runs."""

    @property
    def recipe(self) -> dict[str, str]:
        """What can change values beyond rounding, for the recipes of products.

        Keras and an export of the same precision differ by rounding; the eight bits of an export
        were chosen when it was made.
        """
        values: dict[str, str] = {"precision": self.precision}
        if self.precision == "int8" and self.variant is not None:
            values["export"] = self.variant.sha256
        return values

    def __str__(self) -> str:
        """For people, and for the provenance of products."""
        return f"{self.name} {self.precision}"


KERAS = Engine("keras", "fp32")
"""The reference."""


def engine_request(settings: NetworkSettings) -> EngineRequest:
    """The request of the settings."""
    return EngineRequest(settings.engine, settings.precision, settings.exports)


def choose_engine(card: Card, request: EngineRequest) -> Engine:
    """The engine for the network of `card`.

    `auto` takes the fastest export that was accepted in a precision that is allowed, and Keras
    without one. Then its precision is single unless another is named, for only exports are
    measured. `ExportMissing` if OpenVINO or eight bits are asked for and no export was accepted.
    """
    if request.engine != "keras":
        found = _accepted(export_manifest.read(card, request.exports), request.precision)
        if found is not None:
            precision, variant = found
            folder = export_manifest.place(card, request.exports)
            return Engine("openvino", precision, folder, variant)
    if request.engine == "openvino" or request.precision == "int8":
        raise ExportMissing(
            f"no export of {card.reference} in {export_manifest.place(card, request.exports)} was"
            f" accepted with the precision {request.precision}; make one with"
            f" `tulip models export {card.reference}`, or set TULIP_ENGINE=keras and"
            " TULIP_PRECISION=auto"
        )
    return Engine("keras", "fp32" if request.precision == "auto" else request.precision)


def _accepted(
    export: Export | None, wanted: Literal["auto"] | Precision
) -> tuple[Precision, export_manifest.Variant] | None:
    if export is None:
        return None
    for precision in FASTEST_FIRST:
        variant = export.variants.get(precision)
        if variant is not None and variant.accepted and wanted in ("auto", precision):
            return precision, variant
    return None
