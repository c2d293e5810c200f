"""docs/reference/dags.md says what the DAGs are."""

import runpy


def test_the_page_is_what_the_dags_say(repository):
    script = runpy.run_path(str(repository / "scripts" / "dags_reference.py"))
    written = (repository / "docs" / "reference" / "dags.md").read_text(encoding="utf-8")
    assert script["page"](script["load"]()) == written, (
        "docs/reference/dags.md differs from the DAGs: run"
        " .tulip/venv/bin/python scripts/dags_reference.py"
    )
