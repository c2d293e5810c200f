"""What pods are told: everything they read, and no secret."""

from pathlib import Path

import pytest

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.kubernetes_settings import KubernetesSettings
from tulip_ops.core.processing_settings import ExecutionSettings, FieldSettings, NetworkSettings
from tulip_ops.core.settings import Settings, read_by, variables
from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.core.types import NETWORK_STEPS
from tulip_ops.services import pods


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TULIP_STATE", str(tmp_path))


def test_no_secret_is_passed() -> None:
    secret = {one.name for one in variables() if "Secret" in str(one.info.annotation)}
    assert {"TULIP_DATABASE_URL", "TULIP_STAC_HEADERS"} < secret
    assert not [one for step in NETWORK_STEPS for one in read_by(step) if one.name in secret]


def test_what_is_set_is_passed_and_defaults_stay_the_images_own() -> None:
    given = Settings(
        fields=FieldSettings(minimum_clear_fraction=0.3),
        networks=NetworkSettings(
            unet="unet-rgb/2", models=Path("/models"), exports=Path("/exports")
        ),
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
    given = Settings(
        storage=StorageSettings(store="s3://a/b", copies_gb=1.5),
        networks=NetworkSettings(
            cloud_filter="x/1",
            unet="y/2",
            engine="openvino",
            precision="int8",
            exports=Path("/exports"),
        ),
        execution=ExecutionSettings(batch=3, threads=4, memory_gb=7.5),
    )
    for step in NETWORK_STEPS:
        with monkeypatch.context() as pod:
            for name, text in pods.environment(step, given).items():
                pod.setenv(name, text)
            read = Settings.load()
        for variable in read_by(step):
            assert read.value(variable) == given.value(variable), variable.name


@pytest.mark.parametrize("step", NETWORK_STEPS)
@pytest.mark.parametrize("name", ["models", "exports"])
def test_a_folder_that_pods_would_look_for_elsewhere_is_refused(step: str, name: str) -> None:
    variable = f"TULIP_{name.upper()}"
    given = Settings(networks=NetworkSettings(**{name: Path("here/there")}))
    with pytest.raises(BadSetting, match=f"{variable} is here/there: .* an absolute one"):
        pods.environment(step, given)


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
    given = Settings(kubernetes=KubernetesSettings(environment={name: value}))
    with pytest.raises(BadSetting, match=f"{name} looks like a secret") as raised:
        pods.environment("screen", given)
    assert "pass@" not in str(raised.value)


def test_plain_variables_are_added() -> None:
    plain = {"HTTPS_PROXY": "http://proxy:3128"}
    given = Settings(kubernetes=KubernetesSettings(environment=plain))
    told = pods.environment("screen", given)
    assert told["HTTPS_PROXY"] == "http://proxy:3128"


@pytest.mark.parametrize("store", [None, "store", "./store"])
def test_a_store_that_pods_would_not_see_is_refused(store: str | None) -> None:
    with pytest.raises(BadSetting, match="pods must see it"):
        pods.mounted_store(StorageSettings(store=store))


def test_where_the_store_is() -> None:
    assert pods.mounted_store(StorageSettings(store="s3://bucket/prefix")) is None
    assert pods.mounted_store(StorageSettings(store="/srv/store")) == "/srv/store"


def test_an_image_is_needed() -> None:
    with pytest.raises(BadSetting, match="TULIP_POD_IMAGE is not set"):
        pods.image(KubernetesSettings())
