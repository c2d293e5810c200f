"""Several acquisitions in one start of a network step: docs/decisions/8-batches-claim.md."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from tulip_ops.core.errors import AcquisitionBusy, TulipError
from tulip_ops.core.settings import Settings
from tulip_ops.core.storage_settings import DatabaseSettings
from tulip_ops.core.types import AcquisitionId, NetworkStep, Outcome
from tulip_ops.pipeline import run
from tulip_ops.postgis import connection, ledger

log = logging.getLogger(__name__)


def process_pending(
    step: NetworkStep, settings: Settings, *, besides: AcquisitionId, run_id: str
) -> Iterator[tuple[AcquisitionId, Outcome]]:
    """Run `step` for pending acquisitions, TULIP_BATCH of them at most.

    besides: the acquisition that the process was started for, counted and left out. Each one is
    locked while it is processed; those that another process has locked are skipped. A failure is
    recorded in the ledger, logged and left to its own task; it does not affect others.
    """
    left, seen = settings.execution.batch - 1, {besides}
    while left > 0:
        claimed = next((i for i in _pending(step, settings.database) if i not in seen), None)
        if claimed is None:
            return
        seen.add(claimed)
        try:
            outcome = run.attempt(step, claimed, settings, run_id=run_id, wait=False)
        except AcquisitionBusy:
            continue
        except Exception as error:  # noqa: BLE001  # whatever it is, it is not of `beside`
            log.error("%s of %s failed beside %s: %s: %s",
                      step, claimed, besides, type(error).__name__, error)  # fmt: skip
        else:
            yield claimed, outcome
        left -= 1


def _pending(step: str, settings: DatabaseSettings) -> list[AcquisitionId]:
    """Queried again before each one, since other processes claim them too."""
    try:
        with connection.connect(settings.writer_url(), f"tulip {step}") as database:
            return ledger.pending_for_step(database, step)
    except TulipError as error:
        log.warning("nothing more is carried: %s", error)
        return []
