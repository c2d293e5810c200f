"""The kinds of errors decide what happens; the table of failures says so to people."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tulip_ops.core import errors
from tulip_ops.core.errors import QUARANTINED, BadData, BadInput, TulipError

BASES = {TulipError, BadInput, BadData}


def kinds() -> Iterator[type[TulipError]]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, TulipError) and value not in BASES:
            yield value


@pytest.fixture(scope="module")
def tables(repository: Path) -> dict[str, set[str]]:
    """Names of errors in the first column, by the heading over their table."""
    page = (repository / "docs" / "reference" / "errors.md").read_text()
    found = {}
    for section in page.split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
        found[heading] = set(re.findall(r"`(\w+)`", " ".join(rows)))
    return found


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_error_is_in_the_table_of_its_kind(
    kind: type[TulipError], tables: dict[str, set[str]]
) -> None:
    if issubclass(kind, BadData):
        heading = "Bad data: quarantined, never retried"
    elif issubclass(kind, BadInput):
        heading = "Bad input: a person must change something"
    else:
        heading = "A repeat may help: retried"
    assert kind.__name__ in tables[heading]


def test_what_quarantines_is_bad_data() -> None:
    assert {kind.__name__ for kind in kinds() if issubclass(kind, BadData)} == QUARANTINED
