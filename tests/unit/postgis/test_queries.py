from pathlib import Path

import pytest

import tulip_ops.postgis

FOLDER = Path(tulip_ops.postgis.__file__).parent
QUERIES = sorted((FOLDER / "queries").glob("*.sql"))


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_each_query_says_what_it_does_and_is_asked(path: Path) -> None:
    assert path.read_text().startswith("-- ")
    code = "".join(module.read_text() for module in FOLDER.glob("*.py"))
    assert f'"{path.stem}"' in code
