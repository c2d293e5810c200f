"""scripts/environment.sh: which Python it takes, and what it does where none fits."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOO_OLD = "#!/bin/sh\nexit 1\n"  # to whatever the script asks of it
# Says what it was asked for; what is brought in the end is the Python of these tests.
UV = f"""#!/bin/sh
echo "$@" >> "$ASKED"
case "$1 $2" in
    "python install") echo "the network says: $NETWORK"; test "$NETWORK" = yes ;;
    "python find") echo {sys.executable} ;;
    "venv --quiet") mkdir -p "$VIRTUAL_ENV" ;;
esac
"""


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project where uv is there already, and every Python on PATH is too old."""
    for name in ("scripts/environment.sh", "scripts/uv.txt", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    program(tmp_path / ".tulip/uv/bin/uv", UV)
    program(tmp_path / ".tulip/uv/bin/python", TOO_OLD)
    shutil.copy(ROOT / "scripts/uv.txt", tmp_path / ".tulip/uv/uv.txt")
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        program(tmp_path / "bin" / name, TOO_OLD)
    return tmp_path


def make(project: Path, **environment: str) -> tuple[int, str, list[str]]:
    """Exit code, what was said, and what uv was asked for."""
    asked = project / "asked"
    done = subprocess.run(
        ["/bin/sh", project / "scripts/environment.sh"],
        env={"PATH": f"{project / 'bin'}:/usr/bin:/bin", "ASKED": str(asked), **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr, asked.read_text().splitlines() if asked.exists() else []


def test_a_python_that_fits_is_taken(project: Path) -> None:
    (project / "bin/python3.13").unlink()
    (project / "bin/python3.13").symlink_to(sys.executable)
    code, said, asked = make(project)
    assert code == 0
    assert said == "installing the packages of requirements.txt into .tulip/venv\n"
    assert not [line for line in asked if line.startswith("python ")]


def test_uv_brings_a_python_where_none_fits_and_one_line_says_so(project: Path) -> None:
    code, said, asked = make(project, NETWORK="yes")
    assert code == 0
    assert said.splitlines() == [
        "no Python 3.11 to 3.13 here: uv brings 3.12 into .tulip/python",
        "installing the packages of requirements.txt into .tulip/venv",
    ]
    assert "python install --no-progress --no-bin 3.12" in asked
    assert f"venv --quiet --clear --python {sys.executable} {project}/.tulip/venv" in asked


def test_where_the_network_brings_none_it_is_said_why_and_what_to_do(project: Path) -> None:
    code, said, _ = make(project, NETWORK="no")
    assert code == 1
    assert "the network says: no\n" in said
    assert "tulip_ops needs Python 3.11, 3.12 or 3.13" in said
    assert not (project / ".tulip/venv").exists()


def test_a_python_that_was_named_and_does_not_fit_is_not_replaced(project: Path) -> None:
    code, said, asked = make(project, PYTHON="python3.12", NETWORK="yes")
    assert code == 1
    assert "found none as python3.12" in said
    assert not [line for line in asked if line.startswith("python ")]
