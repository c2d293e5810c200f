"""Elements of the pipeline, and the configuration of its workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from tulip_ops.core.errors import TulipError
from tulip_ops.core.settings import Settings
from tulip_ops.pipeline.beam import window_requests
from tulip_ops.pipeline.networks import WindowOutputs

NAMESPACE = "tulip"
"""Of the metrics."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What every worker needs besides its own settings."""

    run_id: str
    """What the ledger calls this run."""
    threads: int
    """Of a worker, for networks and codecs."""
    fixed_batch: bool = False
    """Whether batches are cut beforehand, because the runner drops what `BatchElements` holds back
    until the end of a bundle."""

    def settings(self) -> Settings:
        """Those of this worker, with its share of the machine."""
        settings = Settings.load()
        own = {"threads": self.threads, "run_id": self.run_id}
        return settings.model_copy(update={"execution": settings.execution.model_copy(update=own)})


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of one acquisition."""

    id: str
    state: Literal["going", "done", "skipped", "failed"] = "going"
    step: str = "acquire"
    """The last one that was begun."""
    error: str = ""
    """Name of the error, where it failed."""
    message: str = ""
    request: window_requests.WindowRequest | None = None
    """Windows for the network of the next step; None: none, its product is there."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Seconds of each step, and windows and pixels that networks inferred."""


@dataclass(frozen=True, slots=True)
class WindowPixels:
    """Pixels of one window, for inference."""

    id: str
    number: int
    """In the plan of its acquisition."""
    model: str
    pixels: NDArray[Any] | None
    """(bands, height, width); None where they could not be read."""
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class WindowOutput:
    """Output of a network for one window."""

    number: int
    outputs: WindowOutputs | None
    error: Exception | None
    pixels: int
    seconds: float


def portable(error: Exception) -> Exception:
    """The error itself where it can be pickled to another process, else its name and message."""
    if isinstance(error, TulipError):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
