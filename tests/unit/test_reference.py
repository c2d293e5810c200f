import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent.parent / "scripts" / "reference.py"


@pytest.mark.parametrize("page", ["settings.md", "cli.md"])
def test_the_page_says_what_the_code_says(page: str) -> None:
    spec = importlib.util.spec_from_file_location("reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    written = (reference.DOCS / page).read_text(encoding="utf-8")
    assert written == reference.PAGES[page](), "run scripts/reference.py"
