"""Writes docs/reference/settings.md and cli.md: `.tulip/venv/bin/python scripts/reference.py`.

With --check it writes nothing, and fails when the pages and the code differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from tulip_ops.cli.main import main
from tulip_ops.core.settings import Variable, read_by, variables

_GENERATED = "<!-- written by scripts/reference.py; change the code instead -->"


def settings_page() -> str:
    """docs/reference/settings.md."""
    lines = [
        "# Settings",
        "",
        _GENERATED,
        "",
        "Every setting is an environment variable. Variables override `<state>/local.env`, which",
        "`make demo` writes, and that overrides the defaults. An empty variable counts as unset.",
        "`tulip settings` shows the current values, `tulip doctor` checks that they work.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{variable.name}` | {_default(variable)} | {variable.info.description} |"
        for variable in variables()
    ]
    lines += [
        "",
        "With `TULIP_RUNTIME=kubernetes` a pod gets the variables that its step reads, if they are",
        "set for Airflow; [secrets are passed by reference](../how-to/kubernetes.md).",
        "",
        f"- `screen`: {_names(read_by('screen'))}",
        f"- `segment`: {_names(read_by('segment'))}",
    ]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """docs/reference/cli.md."""
    lines = [
        "# The command line",
        "",
        _GENERATED,
        "",
        "`tulip --help` and `tulip <command> --help` print the same. Exit codes: 0 done, 99",
        "skipped (too cloudy, nothing to do), 1 failed (a repeat may help), 2 bad input, 3 bad",
        "data: the acquisition is quarantined. Results go to stdout, with `--json` as one JSON",
        "object; progress and logs go to stderr.",
    ]
    for words, command in _commands("tulip", main):
        context = click.Context(
            command,
            info_name=words,
            terminal_width=90,
            max_content_width=90,
            help_option_names=main.context_settings["help_option_names"],
        )
        lines += ["", f"## {words}", "", "```text", command.get_help(context), "```"]
    return "\n".join(lines) + "\n"


FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
PAGES = {"settings.md": settings_page, "cli.md": commands_page}


def _commands(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(f"{words} {name}", command.commands[name])


def _names(chosen: Sequence[Variable]) -> str:
    return ", ".join(f"`{variable.name}`" for variable in chosen)


def _default(variable: Variable) -> str:
    default = variable.info.default
    if variable.name == "TULIP_MODELS":
        return "`models/` beside the package"
    if isinstance(default, tuple | dict):
        return f"`{json.dumps(default)}`"
    return "" if default is None else f"`{default}`"


def run() -> int:
    pages = {FOLDER / page: write() for page, write in PAGES.items()}
    if sys.argv[1:] == ["--check"]:
        old = [path.name for path, text in pages.items() if path.read_text("utf-8") != text]
        print(
            f"run scripts/reference.py: {', '.join(old)} differ from the code" if old else "current"
        )
        return bool(old)
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(run())
