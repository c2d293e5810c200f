"""docker-compose.yaml: valid, whole in every profile, pinned, and without a secret."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILES = ("process", "gpu", "kubernetes")
ONCE = {"keys", "setup", "demo", "cluster", "pod-template"}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def enabled(profile: str) -> dict[str, dict[str, Any]]:
    return {
        name: service
        for name, service in SERVICES.items()
        if profile in service.get("profiles", [profile])
    }


def mounted(service: dict[str, Any]) -> dict[str, str]:
    """What is mounted, by where."""
    parts = [volume.split(":") for volume in service.get("volumes", [])]
    return {part[1]: part[0] for part in parts}


def has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return asked.returncode == 0


@pytest.mark.skipif(not has_compose(), reason="there is no `docker compose`; the rest is checked")
@pytest.mark.parametrize("profile", PROFILES)
def test_compose_takes_it(profile: str) -> None:
    subprocess.run(
        ["docker", "compose", "--profile", profile, "config", "--quiet"],
        cwd=ROOT, env={**os.environ, "COMPOSE_PROFILES": ""}, check=True,
    )  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
def test_in_every_profile_what_a_service_waits_for_is_there_and_can_be_waited_for(
    profile: str,
) -> None:
    services = enabled(profile)
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if wait["condition"] == "service_completed_successfully":
                assert other in ONCE
            else:
                assert "healthcheck" in services[other]


@pytest.mark.parametrize("profile", PROFILES)
def test_in_every_profile_each_of_airflows_services_runs_once(profile: str) -> None:
    commands = [
        service["command"][1]
        for service in enabled(profile).values()
        if service.get("command", [""])[0] == "airflow"
    ]
    assert sorted(commands) == ["api-server", "dag-processor", "scheduler", "triggerer"]


def test_up_alone_takes_the_profile_that_needs_nothing() -> None:
    assert "\nCOMPOSE_PROFILES=process\n" in (ROOT / ".env").read_text()


def test_what_stays_up_has_a_health_check_and_comes_back_and_what_ends_does_not() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
        assert ("healthcheck" in service) == (name not in ONCE)


def test_every_image_has_a_version() -> None:
    for service in SERVICES.values():
        image = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", service["image"])
        if image.startswith("tulip/"):  # built here, by a service
            assert service.get("pull_policy") == "never"
        else:
            assert re.fullmatch(r"[\w/-]+:v?\d[\w.-]+", image)


def test_every_image_of_ours_is_built_from_a_target_that_there_is() -> None:
    recipe = (ROOT / "docker" / "Dockerfile").read_text()
    built = {
        service["image"]: service["build"] for service in SERVICES.values() if "build" in service
    }
    used = {one["image"] for one in SERVICES.values() if one["image"].startswith("tulip/")}
    assert set(built) == used
    for build in built.values():
        assert f"AS {build['target']}\n" in recipe
        networks = build["args"]["NETWORKS"]
        assert networks == "none" or (ROOT / "docker" / f"networks-{networks}.txt").exists()
        assert build["args"]["PYTHON_IMAGE"].endswith(
            re.search(r"^ARG PYTHON_IMAGE=(\S+)$", recipe, re.MULTILINE)[1] + "}"  # type: ignore[index]
        )


def test_every_volume_is_declared_and_used() -> None:
    used = {place for service in SERVICES.values() for place in mounted(service).values()}
    assert {place for place in used if not place.startswith("./")} == set(COMPOSE["volumes"])


def test_no_secret_stands_in_it() -> None:
    secret = re.compile(r"PASSWORD|SECRET|FERNET|JWT|SQL_ALCHEMY_CONN|CREDENTIALS|TOKEN")
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable):
                assert variable.endswith(("_CMD", "_FILE")), f"{name}: {variable}"
                assert value.removeprefix("head --bytes=-1 ").startswith(
                    ("/var/lib/tulip/keys/", "/run/keys/")
                )
    assert "://" not in re.sub(r"(http|https|s3)://[\w$]", "", yaml.safe_dump(COMPOSE))


def test_generated_keys_are_written_by_one_service_and_another_only_adds() -> None:
    writers = {
        name
        for name, service in SERVICES.items()
        for volume in service.get("volumes", [])
        if volume.startswith("keys:") and not volume.endswith(":ro")
    }
    assert writers == {"keys", "setup"}


def test_only_airflows_site_is_published_and_on_this_machine_alone() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(ports) == ["api-server"]
    assert all(port.startswith("127.0.0.1:") for port in ports["api-server"])


def test_airflow_runs_without_privileges() -> None:
    for name, service in SERVICES.items():
        if service["image"].startswith("tulip/") and name != "pod-template":
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
    assert [name for name, service in SERVICES.items() if service.get("privileged")] == ["k3s"]


def test_scripts_that_containers_run_are_there() -> None:
    words = {
        str(word)
        for service in SERVICES.values()
        for key in ("command", "entrypoint")
        for word in service.get(key, [])
    } | {
        str(word)
        for one in SERVICES.values()
        for word in one.get("healthcheck", {}).get("test", [])
    }
    scripts = {Path(word).name for word in words if re.fullmatch(r"/\S+\.(sh|py)", word)}
    assert scripts == {"setup.sh", "healthy.py", "cluster.sh"}
    assert all((ROOT / "docker" / name).is_file() for name in scripts)
