"""What every step of one acquisition works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tulip_ops.core.settings import Settings
from tulip_ops.core.types import Acquisition, AcquisitionId, Area
from tulip_ops.storage.product_store import ProductStore


@dataclass(frozen=True, slots=True)
class StepContext:
    """One acquisition, the areas that it was found over, and where its products are."""

    acquisition: Acquisition
    areas: Sequence[Area]
    store: ProductStore
    settings: Settings
    run_id: str
    """Name of the run in the ledger and in the detections."""
    force: bool = False
    """Make the product again even where it is current."""

    @property
    def id(self) -> AcquisitionId:
        """Of the acquisition."""
        return self.acquisition.id
