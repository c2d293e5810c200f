"""The models in the models folder. Only file access: it imports neither keras nor tensorflow.

A model is a folder models/<name>/<version>/ with model.weights.h5 (half precision), model.json
(the card, as below) and CARD.md (the card for people). A file models/<name>/promoted names the
version that is used unless another is asked for; without it that is the newest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tulip_ops.core.errors import ModelDamaged, ModelNotFound
from tulip_ops.core.files import atomic_write, sha256_file
from tulip_ops.core.types import ModelReference

Kind = Literal["cloud-filter", "unet"]
Output = Literal["cell", "chip", "tulip", "bloom"]
"""Outputs of networks: cloud per cell and per chip, tulips and bloom per pixel."""

_SUREST = np.float32(np.log(1e7))
"""Logit of 1 - 1e-7, to a rounding."""

WEIGHTS = "model.weights.h5"
CARD = "model.json"
PROMOTED = "promoted"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Normalization(_Frozen):
    """How reflectance becomes what a network reads."""

    lowest: float
    highest: float
    """Reflectance is clipped to [lowest, highest] first."""
    mean: tuple[float, ...]
    """Per band, of the clipped training pixels."""
    std: tuple[float, ...]

    def apply(self, reflectance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Channels-last (..., bands) to the same shape, float32; NaN becomes 0, the mean."""
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        normalized = (np.clip(reflectance, self.lowest, self.highest) - mean) / std
        return np.asarray(np.nan_to_num(normalized, nan=0.0), dtype=np.float32)


class Calibration(_Frozen):
    """Platt scaling of a network's probabilities to observed frequencies.

    calibrated = sigmoid(slope * logit(probability) + intercept), after Platt, 1999 (Probabilistic
    outputs for support vector machines); the default leaves probabilities as they are.
    """

    slope: float = Field(default=1.0, gt=0)
    intercept: float = 0.0

    def apply(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """Any shape, in [0, 1], NaN stays NaN; the order of probabilities never changes."""
        if (self.slope, self.intercept) == (1.0, 0.0):
            return probability
        clipped = np.clip(probability, 1e-7, 1 - 1e-7).astype(np.float64)
        logit = self.slope * (np.log(clipped) - np.log1p(-clipped)) + self.intercept
        return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float32)

    def of_logits(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same of logit(probability), float32 of any shape; NaN stays NaN.

        Logits beyond those of 1e-7 and 1 - 1e-7 are taken for these.
        """
        scaled = np.clip(logits, -_SUREST, _SUREST) * np.float32(self.slope)
        return np.asarray(1 / (1 + np.exp(-scaled - np.float32(self.intercept))), dtype=np.float32)


class ResNetArchitecture(_Frozen):
    """What to build before the weights of a cloud filter are loaded."""

    network: Literal["resnet50", "resnet101"] = "resnet50"


class UNetArchitecture(_Frozen):
    """What to build before the weights of a U-Net are loaded."""

    network: Literal["unet"] = "unet"
    base: int = Field(ge=1)
    """Filters of the first level."""
    levels: int = Field(ge=1, le=8)


class Training(_Frozen):
    """Training data, licence and settings."""

    data: str
    licence: str
    settings: dict[str, float | int | str]
    simulated: bool = True
    """Whether all of it, and what the metrics are measured on, came from the simulator."""


class Card(_Frozen):
    """model.json: everything needed to use a model correctly and to identify it."""

    kind: Kind
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str = Field(pattern=r"^[0-9][0-9a-z.-]*$")
    created: date
    bands: tuple[str, ...] = Field(min_length=1)
    """STAC common names, in the order of the network's channels."""
    chip: int = Field(ge=16)
    """Pixels on a side of the chips (cloud filter) or windows (U-Net) that it reads."""
    architecture: ResNetArchitecture | UNetArchitecture = Field(discriminator="network")
    normalization: Normalization
    threshold: float = Field(gt=0, lt=1)
    """From this calibrated probability on, a cell is cloudy, or a pixel tulip."""
    bloom_threshold: float | None = Field(None, gt=0, lt=1)
    """From this calibrated probability on, a pixel is in flower; None for a cloud filter."""
    chip_threshold: float | None = Field(None, gt=0, lt=1)
    """From this calibrated probability on, a chip is cloudy; None for a U-Net."""
    calibration: dict[Output, Calibration] = {}
    """By output; outputs without an entry are not calibrated."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the weights file."""
    training: Training
    metrics: dict[str, float | int]
    """On scenes of places and seasons that it has not learned from."""
    intervals: dict[str, tuple[float, float]] = {}
    """95 % intervals of those metrics that have one."""
    elsewhere: dict[str, dict[str, float | int]] = {}
    """Metrics on other data, by the data's name."""
    folder: Path = Field(exclude=True)
    """Where the card was read; not part of the file."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not len(self.bands) == len(self.normalization.mean) == len(self.normalization.std):
            raise ValueError("bands, mean and std must have one length")
        unet = isinstance(self.architecture, UNetArchitecture)
        if unet != (self.kind == "unet"):
            raise ValueError(f"a {self.kind} cannot be a {self.architecture.network}")
        if unet != (self.bloom_threshold is not None):
            raise ValueError("a unet, and only a unet, has a bloom_threshold")
        if unet == (self.chip_threshold is not None):
            raise ValueError("a cloud filter, and only a cloud filter, has a chip_threshold")
        return self

    @property
    def reference(self) -> ModelReference:
        """Which network this is, for what it makes."""
        return ModelReference(self.name, self.version, self.sha256)

    @property
    def thresholds(self) -> dict[Output, float]:
        """By output: the calibrated probability from which it is positive."""
        if self.bloom_threshold is not None:
            return {"tulip": self.threshold, "bloom": self.bloom_threshold}
        assert self.chip_threshold is not None  # noqa: S101  # as `_consistent` ensures
        return {"chip": self.chip_threshold, "cell": self.threshold}

    def calibrated(self, output: Output, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """`probability` of one output, calibrated; see `Calibration.apply`."""
        return self._calibration(output).apply(probability)

    def calibrated_logits(self, output: Output, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The calibrated probability from logits of one output; see `Calibration.of_logits`."""
        return self._calibration(output).of_logits(logits)

    def _calibration(self, output: Output) -> Calibration:
        return self.calibration.get(output, Calibration())

    @property
    def weights(self) -> Path:
        """The weights file."""
        return self.folder / WEIGHTS


def read_card(folder: Path) -> Card:
    """The card of one model folder; `ModelDamaged` if it cannot be read."""
    path = folder / CARD
    try:
        return Card.model_validate({**json.loads(path.read_bytes()), "folder": folder})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "card"
        raise ModelDamaged(f"{path}: {where}: {first['msg']}; fetch the model again") from None
    except (OSError, ValueError, TypeError) as error:
        raise ModelDamaged(f"{path} cannot be read: {error}; fetch the model again") from error


def list_models(models: Path) -> list[Card]:
    """Every model below `models`, by name, then from the oldest version to the newest."""
    cards = [read_card(path.parent) for path in models.glob(f"*/*/{CARD}")]
    return sorted(cards, key=lambda card: (card.name, _age(card)))


def find(models: Path, reference: str) -> Card:
    """The model called name/version; `ModelNotFound` says which there are."""
    there = list_models(models)
    for card in there:
        if str(card.reference) == reference:
            return card
    known = ", ".join(str(card.reference) for card in there)
    raise ModelNotFound(f"no model {reference!r} in {models}; there is {known or 'none'}")


def choose(models: Path, kind: Kind, choice: str, bands: Sequence[str]) -> Card:
    """The model to use on an acquisition that offers `bands`.

    choice: `auto`, a name (its promoted version, or else its newest), or name/version. `auto`
    takes, among the models whose bands are all offered, the one with the most bands.
    `ModelNotFound` if none fits; the message says which there are.
    """
    there = [card for card in list_models(models) if card.kind == kind]
    named = [card for card in there if choice == str(card.reference)]
    current = [card for card in _current(models, there) if choice in ("auto", card.name)]
    fitting = [card for card in named or current if set(card.bands) <= set(bands)]
    if not fitting:
        known = "; ".join(f"{card.reference} ({', '.join(card.bands)})" for card in there)
        raise ModelNotFound(
            f"no {kind} {choice!r} for the bands {', '.join(bands)} in {models};"
            f" there is {known or 'none'}; choose one of these, or train one with `tulip train`"
        )
    return max(fitting, key=lambda card: (len(card.bands), _age(card)))


def _current(models: Path, cards: Sequence[Card]) -> list[Card]:
    """One version of each name: the promoted one, or else the newest."""
    current: dict[str, Card] = {}
    for card in cards:  # from the oldest version to the newest
        if promoted(models, card.name) in (None, card.version):
            current[card.name] = card
    return list(current.values())


def promoted(models: Path, name: str) -> str | None:
    """The version of `name` that was promoted, None if none was.

    `ModelNotFound` if that version is not there.
    """
    try:
        version = (models / name / PROMOTED).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    if not version or not (models / name / version / CARD).exists():
        raise ModelNotFound(
            f"{models / name / PROMOTED} names version {version!r}, which is not there;"
            " promote one that is with `tulip models promote`"
        )
    return version


def promote(card: Card) -> None:
    """Make this version the one that is used unless another is asked for; at once or not at all."""
    with atomic_write(card.folder.parent / PROMOTED) as draft:
        draft.write_text(f"{card.version}\n", encoding="utf-8")


def verify(card: Card) -> None:
    """`ModelDamaged` unless the weights file has the checksum that the card states."""
    try:
        found = sha256_file(card.weights)
    except OSError as error:
        raise ModelDamaged(
            f"{card.weights} cannot be read: {error}; fetch the model again"
        ) from error
    if found != card.sha256:
        raise ModelDamaged(
            f"{card.weights} has sha256 {found}, its card says {card.sha256};"
            " fetch the model again (with Git LFS or a shallow copy it may be cut short)"
        )


def write(card: Card, text: str) -> None:
    """Write model.json and CARD.md into the card's folder."""
    (card.folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (card.folder / "CARD.md").write_text(text, encoding="utf-8")


def _age(card: Card) -> tuple[tuple[int, ...], date]:
    """Orders versions: 1.10 is newer than 1.9."""
    return tuple(int(digits) for digits in re.findall(r"\d+", card.version)), card.created
