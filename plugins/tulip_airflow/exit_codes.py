"""What the exit codes of `tulip` mean to Airflow."""

from __future__ import annotations

import signal

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

BAD_INPUT, BAD_DATA, SKIPPED = 2, 3, 99  # exit codes of `tulip`; 0 is done, everything else failed


def raise_for_exit_code(words: str, code: int) -> None:
    """Raise what Airflow needs for the exit code of `words`: skip, fail, or retry."""
    if code == 0:
        return
    if code == SKIPPED:
        raise AirflowSkipException(f"`{words}` had nothing to do: its lines above say why")
    if code == BAD_INPUT:
        raise AirflowFailException(f"`{words}` was given bad input: its last lines above say what")
    if code == BAD_DATA:
        raise AirflowFailException(
            f"`{words}` met bad data: its last lines above say what, and the ledger quarantines it"
        )
    if code == -signal.SIGKILL:
        raise AirflowException(
            f"`{words}` was ended by SIGKILL: without a person behind it, the machine ran out of"
            " memory"
        )
    if code < 0:
        raise AirflowException(f"`{words}` was ended by {signal.Signals(-code).name}")
    raise AirflowException(f"`{words}` failed with exit code {code}: its last lines above say why")
