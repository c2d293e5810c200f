"""The settings of the pods that network steps run in, with TULIP_RUNTIME=kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tulip_ops.core.setting_group import SettingGroup

GPU_RESOURCE = "nvidia.com/gpu"


class KubernetesSettings(SettingGroup):
    """Pods of the network steps; docs/how-to/kubernetes.md explains them."""

    image: str | None = Field(
        default=None,
        validation_alias="TULIP_POD_IMAGE",
        description="Image of the pods, whose entry point is `tulip`; needed with"
        " TULIP_RUNTIME=kubernetes.",
    )
    image_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent",
        validation_alias="TULIP_POD_IMAGE_POLICY",
        description="When nodes pull the image.",
    )
    image_secrets: tuple[str, ...] = Field(
        default=(),
        validation_alias="TULIP_POD_IMAGE_SECRETS",
        description="Secrets that pull the image, as a JSON list of their names.",
    )
    namespace: str = Field(
        default="tulip",
        validation_alias="TULIP_POD_NAMESPACE",
        description="Namespace of the pods.",
    )
    connection: str = Field(
        default="kubernetes_default",
        validation_alias="TULIP_POD_CONNECTION",
        description="Airflow connection to the cluster. Where Airflow has none of that name: its"
        " own service account, or KUBECONFIG.",
    )
    service_account: str = Field(
        default="tulip",
        validation_alias="TULIP_POD_SERVICE_ACCOUNT",
        description="Service account of the pods. It needs no rights; its token is not mounted.",
    )
    template: Path | None = Field(
        default=None,
        validation_alias="TULIP_POD_TEMPLATE",
        description="Pod template (YAML) for what no setting says, such as a proxy or another"
        " volume. Settings win over it; volumes and variables of both are joined.",
    )
    gpus: int = Field(
        default=1,
        ge=0,
        validation_alias="TULIP_POD_GPUS",
        description="GPUs of one pod; 0 on nodes without.",
    )
    gpu_resource: str = Field(
        default=GPU_RESOURCE,
        validation_alias="TULIP_POD_GPU_RESOURCE",
        description="Resource name of a GPU, as the cluster's device plugin defines it.",
    )
    resources: dict[str, dict[str, dict[str, str]]] = Field(
        default={
            "screen": {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
            "segment": {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
        },
        validation_alias="TULIP_POD_RESOURCES",
        description="Requests and limits of each step, as a JSON object; GPUs are added.",
    )
    scratch: str = Field(
        default="10Gi",
        validation_alias="TULIP_POD_SCRATCH",
        description="Size limit of the temporary files of one pod, on its node.",
    )
    user: int = Field(
        default=50000,
        ge=1,
        validation_alias="TULIP_POD_USER",
        description="User and group of the process, and of the volumes that it writes; never root.",
    )
    node_selector: dict[str, str] = Field(
        default={},
        validation_alias="TULIP_POD_NODE_SELECTOR",
        description="Labels that a node must have, as a JSON object.",
    )
    tolerations: tuple[dict[str, Any], ...] = Field(
        default=({"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"},),
        validation_alias="TULIP_POD_TOLERATIONS",
        description="Taints of nodes that the pods tolerate, as a JSON list.",
    )
    priority_class: str | None = Field(
        default=None,
        validation_alias="TULIP_POD_PRIORITY_CLASS",
        description="Priority class of the pods.",
    )
    database_secret: str = Field(
        default="tulip-database",
        validation_alias="TULIP_POD_DATABASE_SECRET",
        description="Secret whose keys are variables: TULIP_DATABASE_URL.",
    )
    store_secret: str = Field(
        default="tulip-store",
        validation_alias="TULIP_POD_STORE_SECRET",
        description="Secret whose keys are variables: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        " of an S3 store. It may be absent.",
    )
    store_claim: str = Field(
        default="tulip-store",
        validation_alias="TULIP_POD_STORE_CLAIM",
        description="Volume claim that holds TULIP_STORE where that is a folder, mounted there.",
    )
    environment: dict[str, str] = Field(
        default={},
        validation_alias="TULIP_POD_ENVIRONMENT",
        description="More variables of the pods, as a JSON object. Everybody who sees pods or"
        " Airflow sees them: secrets do not belong here.",
    )
    schedule_seconds: int = Field(
        default=3600,
        ge=1,
        validation_alias="TULIP_POD_SCHEDULE_SECONDS",
        description="How long a pod may wait for a node with room, such as a free GPU.",
    )
    startup_seconds: int = Field(
        default=1200,
        ge=1,
        validation_alias="TULIP_POD_STARTUP_SECONDS",
        description="How long the start on that node may take; most of it is pulling the image.",
    )
    poll_seconds: float = Field(
        default=10.0,
        gt=0,
        validation_alias="TULIP_POD_POLL_SECONDS",
        description="Interval in seconds at which Airflow polls a pod.",
    )
    deferrable: bool = Field(
        default=True,
        validation_alias="TULIP_POD_DEFERRABLE",
        description="Let Airflow's triggerer watch the pods, so that a waiting task holds no"
        " worker. False: the worker itself watches.",
    )
