"""Configuration of the pods of network steps: plain variables, and where the store is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tulip_ops.core.errors import BadSetting
from tulip_ops.core.kubernetes_settings import KubernetesSettings
from tulip_ops.core.settings import Settings, read_by
from tulip_ops.core.storage_settings import StorageSettings
from tulip_ops.core.types import NetworkStep

SCRATCH = "/tmp"  # noqa: S108  # of the pod alone, and the only place that it may write
HOME = {
    "HOME": SCRATCH,
    "TMPDIR": SCRATCH,
    "TULIP_STATE": f"{SCRATCH}/tulip",
    "XDG_CACHE_HOME": f"{SCRATCH}/cache",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}
"""Libraries write caches; the root file system cannot be written."""

_SECRET = re.compile(
    r"PASSWORD|SECRET|TOKEN|CREDENTIAL|ACCESS_KEY|DATABASE.*URL|HEADERS|INSTANCE_ID"
)
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")


def environment(step: NetworkStep, settings: Settings) -> dict[str, str]:
    """The plain variables of a step's pod: the settings that are set and that it reads.

    The URL of the database and the keys of the store are secret: the pod takes them from the
    Secrets that TULIP_POD_DATABASE_SECRET and TULIP_POD_STORE_SECRET name. `BadSetting` where
    TULIP_POD_ENVIRONMENT would show a secret, and for a folder that pods would resolve elsewhere.
    """
    for name, value in settings.kubernetes.environment.items():
        if _SECRET.search(name.upper()) or _PASSWORD.search(value):
            raise BadSetting(
                f"TULIP_POD_ENVIRONMENT: {name} looks like a secret, and everybody who sees a pod"
                " would see it; put it into the Secret that TULIP_POD_STORE_SECRET names"
            )
    given = {
        variable.name: settings.value(variable)
        for variable in read_by(step)
        if settings.is_set(variable)
    }
    for name, setting in given.items():
        if isinstance(setting, Path) and not setting.is_absolute():
            raise BadSetting(
                f"{name} is {setting}: with TULIP_RUNTIME=kubernetes pods must see that folder too;"
                " give an absolute one that their image or a volume of TULIP_POD_TEMPLATE holds"
            )
    # Images of CUDA ask for every GPU of their node, counted or not.
    hidden = {} if settings.kubernetes.gpus else {"NVIDIA_VISIBLE_DEVICES": "void"}
    settled = {name: _text(value) for name, value in given.items()}
    return {**HOME, **hidden, **settled, **settings.kubernetes.environment}


def mounted_store(settings: StorageSettings) -> str | None:
    """The folder at which a pod mounts the claim of the store; None where the store is S3.

    `BadSetting` where pods would not see the store.
    """
    store = settings.store or ""
    if store.startswith("s3://"):
        return None
    if not Path(store).is_absolute():
        raise BadSetting(
            f"TULIP_STORE is {store or 'not set'}: with TULIP_RUNTIME=kubernetes pods must see it"
            " too; set it to s3://bucket/prefix, or to an absolute folder that lies on the volume"
            " claim TULIP_POD_STORE_CLAIM"
        )
    return store


def image(settings: KubernetesSettings) -> str:
    """The image of the pods; `BadSetting` if none is set."""
    if settings.image is None:
        raise BadSetting(
            "TULIP_POD_IMAGE is not set, and TULIP_RUNTIME is kubernetes: name the image of the"
            " network steps, such as registry.example/tulip-gpu:0.1.0"
        )
    return settings.image


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict | list | tuple | bool) else str(value)
