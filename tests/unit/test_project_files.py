"""What people and the hosting platform read about the project agrees with the project."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()

PATH = re.compile(r"`((?:tulip_ops|plugins|dags|tests|scripts|docs)/[\w./-]*)`")
"""A path from the root of the repository, in backticks."""


def project_version() -> str:
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def ordinary_changes() -> list[list[str]]:
    """Cells of each row: change, code, tests, then."""
    section = CONTRIBUTING.split("## Ten ordinary changes")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[1:]]


def checks_of_make() -> list[str]:
    """The commands of the target `check`, in their order."""
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    lines = [line.lstrip("\t@") for line in recipe[1].splitlines()]
    return [line.replace("$(BIN)", ".tulip/venv/bin") for line in lines]


def test_the_citation_and_the_changelog_have_the_version_of_the_project() -> None:
    citation = read_yaml(ROOT / "CITATION.cff")
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert citation["version"] == project_version()
    assert sections[:2] == ["Unreleased", project_version()]


def test_pre_commit_runs_what_make_check_runs() -> None:
    [local] = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == checks_of_make()
    assert not any(hook["pass_filenames"] for hook in local["hooks"])


def test_the_workflow_makes_what_ci_makes() -> None:
    jobs = read_yaml(GITHUB / "workflows" / "ci.yaml")["jobs"]
    lines = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    here = re.findall(r"^make (.+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert [line.removeprefix("make ") for line in lines if line.startswith("make ")] == here


def test_the_workflow_has_few_rights_and_an_end() -> None:
    workflow = read_yaml(GITHUB / "workflows" / "ci.yaml")
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 120
        actions = [step["uses"] for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", action) for action in actions)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_complete(path: Path) -> None:
    form = read_yaml(path)
    if path.stem == "config":
        assert form == {"blank_issues_enabled": False}
        return
    assert form["name"]
    assert form["description"]
    questions = [part for part in form["body"] if part["type"] != "markdown"]
    ids = [part["id"] for part in questions]
    assert len(set(ids)) == len(ids)
    assert all(part["attributes"]["label"] for part in questions)
    assert any(part.get("validations", {}).get("required") for part in questions)


def test_there_are_ten_ordinary_changes_and_they_touch_few_files() -> None:
    rows = ordinary_changes()
    assert [len(row) for row in rows] == [4] * 10
    files = {path for _, code, _, _ in rows for path in PATH.findall(code) if path[-1] != "/"}
    assert len(files) <= 25


@pytest.mark.parametrize("path", sorted(set(PATH.findall(CONTRIBUTING))))
def test_a_path_that_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def pages_of(nav: list[dict[str, Any]]) -> list[str]:
    """All pages of mkdocs' navigation, in order."""
    entries = [entry for item in nav for entry in item.values()]
    return [
        page
        for entry in entries
        for page in ([entry] if isinstance(entry, str) else pages_of(entry))
    ]


def test_the_navigation_of_the_site_lists_every_page_once() -> None:
    pages = pages_of(read_yaml(ROOT / "mkdocs.yml")["nav"])
    docs = ROOT / "docs"
    assert sorted(pages) == sorted(str(path.relative_to(docs)) for path in docs.rglob("*.md"))


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)[)#]", (ROOT / page).read_text()):
        assert (ROOT / target).exists(), target
