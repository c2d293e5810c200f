from pathlib import Path

import pytest

from tulip_ops.commands.reference import PAGES


@pytest.mark.parametrize("page", PAGES)
def test_the_page_says_what_the_code_says(repository: Path, page: str) -> None:
    written = (repository / "docs" / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run `make docs`"
