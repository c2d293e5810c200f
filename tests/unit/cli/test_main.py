import subprocess
import sys

import pytest
from click.testing import CliRunner

from tulip_ops.cli.main import EXTRAS, main

HEAVY = ("tensorflow", "keras", "airflow", "matplotlib", "rasterio", "geopandas")


def test_help_names_every_command_and_the_exit_codes() -> None:
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    assert "99 skipped" in done.output
    for name in main.commands:
        assert f"\n  {name}" in done.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from tulip_ops.cli.main import main; main(['--help'], standalone_mode=False);"
        f"print(sorted(set(sys.modules) & {set(HEAVY)!r}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(("library", "extra"), EXTRAS.items())
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str, extra: str
) -> None:
    def missing(**_: object) -> None:
        raise ModuleNotFoundError(f"No module named {library!r}", name=library)

    monkeypatch.setattr(main.commands["settings"], "callback", missing)
    done = CliRunner().invoke(main, ["settings"])
    assert done.exit_code == 1
    assert f"tulip_ops[{extra}]" in done.output


def test_an_id_that_is_none_is_a_usage_error() -> None:
    done = CliRunner().invoke(main, ["segment", "yesterday"])
    assert done.exit_code == 2
    assert "not an acquisition id" in done.output


def test_a_day_that_is_none_is_a_usage_error() -> None:
    done = CliRunner().invoke(main, ["discover", "--since", "2024-02-30"])
    assert done.exit_code == 2
    assert "2024-02-30" in done.output
