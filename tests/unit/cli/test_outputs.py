"""Commands replace regular files only."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from tulip_ops.cli.main import main

COMMANDS = [
    ["report", "polder"],
    ["picture", "SIM_31UFU_20260420_0_L2A"],
    ["season-picture", "polder"],
    ["export"],
    ["containers", "pod-template", "localhost", "--out"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words[:2]))
@pytest.mark.parametrize("place", ["device", "link", "pipe", "folder", "missing/file"])
def test_what_is_no_regular_file_is_refused_by_name(
    tmp_path: Path, command: list[str], place: str
) -> None:
    path = tmp_path / place
    if place == "device":
        path = Path(os.devnull)
    elif place == "link":
        path.symlink_to(os.devnull)
    elif place == "pipe":
        os.mkfifo(path)
    elif place == "folder":
        path.mkdir()
    result = CliRunner().invoke(main, [*command, str(path)])
    assert result.exit_code == 2, result.output
    assert str(path.parent) in result.output.replace("\n", "")
    assert "folder that exists" in " ".join(result.output.split())
