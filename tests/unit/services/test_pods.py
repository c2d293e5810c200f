"""What pods are told: everything they read, and no secret."""

from pathlib import Path

import pytest

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.settings import Settings, read_by
from tulip_ops.core.types import NETWORK_STEPS
from tulip_ops.services import pods


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TULIP_STATE", str(tmp_path))


def settings(**given: object) -> Settings:
    return Settings(_env_file=None, **given)


def secret(name: str) -> bool:
    return "Secret" in str(Settings.model_fields[name].annotation)


def test_no_secret_is_passed() -> None:
    assert secret("database_url")
    assert secret("stac_headers")
    assert not [name for step in NETWORK_STEPS for name in read_by(step) if secret(name)]


def test_what_is_set_is_passed_and_defaults_stay_the_images_own() -> None:
    given = settings(
        minimum_clear=0.3, unet="unet-rgb/2", models=Path("/models"), exports=Path("/exports")
    )
    told = {
        step: {
            name: text
            for name, text in pods.environment(step, given).items()
            if name not in pods.HOME
        }
        for step in NETWORK_STEPS
    }
    folders = {"TULIP_MODELS": "/models", "TULIP_EXPORTS": "/exports"}
    assert told == {
        "screen": {**folders, "TULIP_MINIMUM_CLEAR": "0.3"},
        "segment": {**folders, "TULIP_UNET": "unet-rgb/2"},
    }


def test_what_was_passed_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings(
        batch=3, store="s3://a/b", copies_gb=1.5, threads=4, cloud_filter="x/1", unet="y/2",
        engine="openvino", precision="int8", exports=Path("/exports"), memory_gb=7.5,
    )  # fmt: skip
    for step in NETWORK_STEPS:
        with monkeypatch.context() as pod:
            for name, text in pods.environment(step, given).items():
                pod.setenv(name, text)
            read = Settings.load()
        for name in read_by(step):
            assert getattr(read, name) == getattr(given, name), name


@pytest.mark.parametrize("step", NETWORK_STEPS)
@pytest.mark.parametrize("name", ["models", "exports"])
def test_a_folder_that_pods_would_look_for_elsewhere_is_refused(step: str, name: str) -> None:
    variable = f"TULIP_{name.upper()}"
    with pytest.raises(BadSetting, match=f"{variable} is here/there: .* an absolute one"):
        pods.environment(step, settings(**{name: Path("here/there")}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGPASSWORD", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("TULIP_DATABASE_URL", "x"),
        ("TULIP_SH_CLIENT_SECRET", "x"),
        ("HTTPS_PROXY", "http://user:pass@proxy:3128"),
    ],
)
def test_what_looks_like_a_secret_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"{name} looks like a secret") as raised:
        pods.environment("screen", settings(pod_environment={name: value}))
    assert "pass@" not in str(raised.value)


def test_plain_variables_are_added() -> None:
    given = settings(pod_environment={"HTTPS_PROXY": "http://proxy:3128"})
    told = pods.environment("screen", given)
    assert told["HTTPS_PROXY"] == "http://proxy:3128"


@pytest.mark.parametrize("store", [None, "store", "./store"])
def test_a_store_that_pods_would_not_see_is_refused(store: str | None) -> None:
    with pytest.raises(BadSetting, match="pods must see it"):
        pods.mounted_store(settings(store=store))


def test_where_the_store_is() -> None:
    assert pods.mounted_store(settings(store="s3://bucket/prefix")) is None
    assert pods.mounted_store(settings(store="/srv/store")) == "/srv/store"


def test_an_image_is_needed() -> None:
    with pytest.raises(BadSetting, match="TULIP_POD_IMAGE is not set"):
        pods.image(settings())
