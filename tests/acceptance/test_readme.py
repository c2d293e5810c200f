"""What the README shows is run, not believed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.conftest import Stack
from tulip_ops.cli.main import main

PAGES = ["README.md", "docs/how-to/own-scenes.md", "docs/tutorials/first-season.md"]


def _blocks(repository: Path, page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (repository / page).read_text(), re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_queries_answer_for_the_reader(stack: Stack, repository: Path) -> None:
    queries = _blocks(repository, "README.md", "sql")
    assert len(queries) >= 2
    with psycopg.connect(stack.setting("TULIP_DATABASE_READER_URL")) as database:
        for query in queries:
            cursor = database.execute(query)  # type: ignore[arg-type]
            assert cursor.description
            assert cursor.fetchall(), query


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_is_one_that_tulip_takes(repository: Path, page: str) -> None:
    lines = [
        line
        for block in _blocks(repository, page, "sh")
        for line in block.splitlines()
        if line.startswith("tulip ")
    ]
    assert lines
    for line in lines:
        words = [word for word in shlex.split(line, comments=True)[1:] if "*" not in word]
        command, context = main, main.make_context("tulip", [], resilient_parsing=True)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        assert command is not main, line
        assert {word for word in words if word.startswith("--")} <= options, line
        assert context.command is main


def test_every_link_leads_somewhere(repository: Path) -> None:
    for page in [repository / "README.md", *(repository / "docs").glob("**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
