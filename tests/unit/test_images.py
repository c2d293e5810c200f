"""docker/: what the images are made of is locked, and agrees with what is tested."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("airflow", "networks-cpu", "networks-gpu")
LISTS = [f"docker/{name}.txt" for name in (*LOCKS, "sbom")]
RECIPE = (ROOT / "docker" / "Dockerfile").read_text()


def versions(file: Path) -> dict[str, set[str]]:
    """Of each package, the versions that a lock allows: by marker there may be several."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", file.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_an_image_holds_the_versions_that_are_tested(lock: str) -> None:
    tested = versions(ROOT / "requirements.txt")
    for name, version in versions(ROOT / "docker" / f"{lock}.txt").items():
        if name in tested:
            assert version <= tested[name], name
        else:  # TensorFlow without GPU code, and CUDA's libraries, are only in images
            assert name == "tensorflow-cpu" or name.startswith("nvidia-"), name


def test_tensorflow_of_the_cpu_image_is_the_one_that_is_tested() -> None:
    tested = versions(ROOT / "requirements.txt")["tensorflow"]
    assert versions(ROOT / "docker" / "networks-cpu.txt")["tensorflow-cpu"] == tested


def test_each_image_has_what_it_is_for() -> None:
    airflow, cpu, gpu = (versions(ROOT / "docker" / f"{lock}.txt") for lock in LOCKS)
    assert "apache-airflow" in airflow
    assert "apache-airflow" not in cpu | gpu
    assert not {"tensorflow", "tensorflow-cpu", "keras"} & set(airflow)
    assert {"keras", "openvino"} <= set(cpu)
    assert {"keras", "tensorflow", "nvidia-cudnn-cu12"} <= set(gpu)


@pytest.mark.parametrize("lock", [*LOCKS, "sbom"])
def test_every_package_has_a_hash(lock: str) -> None:
    for block in re.split(r"\n(?=[\w.-]+==)", (ROOT / "docker" / f"{lock}.txt").read_text())[1:]:
        assert "--hash=sha256:" in block


@pytest.mark.parametrize("lock", ["requirements.txt", "scripts/uv.txt", *LISTS])
def test_no_lock_says_where_packages_come_from(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.findall(r"^--(?!hash)|file:", text, re.MULTILINE)


def test_both_images_run_as_a_numeric_user_who_is_not_root() -> None:
    for target in ("networks", "airflow"):
        stage = re.split(r"^FROM ", RECIPE, flags=re.MULTILINE)
        last = next(one for one in stage if re.match(rf"base AS {target}\n", one))
        assert re.findall(r"^USER (.*)$", last, re.MULTILINE) == ["50000:0"]


@pytest.mark.parametrize(
    ("words", "ran"),
    [
        (["airflow", "version"], "airflow version"),
        (["tulip", "doctor"], "tulip doctor"),
        (["bash", "-c", "x"], "bash -c x"),
        (["screen", "SIM"], "tulip screen SIM"),
        (["--help"], "tulip --help"),
        ([], "tulip"),
    ],
)
def test_the_entry_point_is_tulip_unless_a_program_is_named(
    words: list[str], ran: str, tmp_path: Path
) -> None:
    for name in ("airflow", "tulip", "bash"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", ROOT / "docker" / "entrypoint.sh", *words],
        env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ran


def test_pinning_writes_the_digest_beside_each_version_and_keeps_the_rest(tmp_path: Path) -> None:
    for name in ("scripts/pin.sh", "docker-compose.yaml", ".env"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\necho sha256:$(printf %s "$4" | sha256sum | cut -c1-64)\n')
    docker.chmod(0o755)
    for _ in range(2):
        subprocess.run(
            [tmp_path / "scripts" / "pin.sh"], check=True, capture_output=True,
            env={"PATH": f"{docker.parent}:/usr/bin:/bin"},
        )  # fmt: skip
    lines = (tmp_path / ".env").read_text().splitlines()
    pins = [line for line in lines if "_IMAGE=" in line]
    assert [pin.partition("=")[0] for pin in pins] == [
        "K3S_IMAGE", "POSTGIS_IMAGE", "PYTHON_IMAGE", "STORE_IMAGE",
    ]  # fmt: skip
    assert all(re.fullmatch(r"\w+=[\w/-]+:\S+@sha256:[0-9a-f]{64}", pin) for pin in pins)
    assert "COMPOSE_PROFILES=process" in lines
