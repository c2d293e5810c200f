"""Pods that run this checkout: what stands in for images and a network between machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client
from kubernetes.client import ApiException

NAMESPACE = "tulip"
ROOT = Path(__file__).resolve().parent.parent.parent
TULIP = ROOT / ".tulip" / "venv" / "bin" / "tulip"


def template(folder: Path) -> Path:
    """A pod template with this machine's Python, checkout and network."""
    python = Path(sys.base_prefix).resolve()
    # In an image /root is closed to others, and a Python may live in there.
    home = folder / "home"
    home.mkdir(mode=0o755, exist_ok=True)
    mounted = {"home": (home, Path("/root")), "python": (python, python), "checkout": (ROOT, ROOT)}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {
            "hostNetwork": True,
            "dnsPolicy": "Default",
            "containers": [
                {
                    "name": "base",
                    "command": [str(TULIP)],
                    "volumeMounts": [
                        {"name": name, "mountPath": str(inside), "readOnly": name != "home"}
                        for name, (_, inside) in mounted.items()
                    ],
                }
            ],
            "volumes": [
                {"name": name, "hostPath": {"path": str(outside), "type": "Directory"}}
                for name, (outside, _) in mounted.items()
            ],
        },
    }
    path = folder / "pod.yaml"
    path.write_text(json.dumps(pod))
    return path


@contextmanager
def furnished(database_url: str, store: Path) -> Iterator[None]:
    """The Secret and the claim that deploy/ tells people to make."""
    core = client.CoreV1Api()
    store.mkdir(parents=True, exist_ok=True)
    store.chmod(0o777)
    volume: dict[str, Any] = {
        "metadata": {"name": "tulip-store-test"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "hostPath": {"path": str(store), "type": "Directory"},
        },
    }
    claim = {
        "metadata": {"name": "tulip-store"},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "",
            "volumeName": "tulip-store-test",
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }
    secret = {
        "metadata": {"name": "tulip-database"},
        "stringData": {"TULIP_DATABASE_URL": database_url},
    }
    account = {"metadata": {"name": "tulip"}, "automountServiceAccountToken": False}
    _remove(core)
    core.create_persistent_volume(volume)
    core.create_namespaced_persistent_volume_claim(NAMESPACE, claim)
    core.create_namespaced_secret(NAMESPACE, secret)
    try:
        core.create_namespaced_service_account(NAMESPACE, account)
    except ApiException as error:
        if error.status != 409:
            raise
    try:
        yield
    finally:
        _remove(core)


def _remove(core: client.CoreV1Api) -> None:
    for remove in (
        lambda: core.delete_namespaced_secret("tulip-database", NAMESPACE),
        lambda: core.delete_namespaced_persistent_volume_claim("tulip-store", NAMESPACE),
        lambda: core.delete_persistent_volume("tulip-store-test"),
    ):
        try:
            remove()
        except ApiException as error:
            if error.status != 404:
                raise
