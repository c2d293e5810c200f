"""The settings of the pods that network steps run in, with TULIP_RUNTIME=kubernetes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

GPU_RESOURCE = "nvidia.com/gpu"


class PodSettings(BaseModel):
    """A part of `settings.Settings`; docs/how-to/kubernetes.md says what each one does."""

    pod_image: str | None = Field(
        None,
        description="Image of the pods, whose entry point is `tulip`; needed with"
        " TULIP_RUNTIME=kubernetes.",
    )
    pod_image_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="When nodes pull the image."
    )
    pod_image_secrets: tuple[str, ...] = Field(
        (), description="Secrets that pull the image, as a JSON list of their names."
    )
    pod_namespace: str = Field("tulip", description="Namespace of the pods.")
    pod_connection: str = Field(
        "kubernetes_default",
        description="Airflow connection to the cluster. Where Airflow has none of that name: its"
        " own service account, or KUBECONFIG.",
    )
    pod_service_account: str = Field(
        "tulip",
        description="Service account of the pods. It needs no rights; its token is not mounted.",
    )
    pod_template: Path | None = Field(
        None,
        description="Pod template (YAML) for what no setting says, such as a proxy or another"
        " volume. Settings win over it; volumes and variables of both are joined.",
    )
    pod_gpus: int = Field(1, ge=0, description="GPUs of one pod; 0 on nodes without.")
    pod_gpu_resource: str = Field(
        GPU_RESOURCE, description="What the device plugin of the cluster calls a GPU."
    )
    pod_resources: dict[str, dict[str, dict[str, str]]] = Field(
        {
            "screen": {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
            "segment": {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
        },
        description="Requests and limits of each step, as a JSON object; GPUs are added.",
    )
    pod_scratch: str = Field(
        "10Gi", description="Room for the temporary files of one pod, on its node."
    )
    pod_user: int = Field(
        50000,
        ge=1,
        description="User and group of the process, and of the volumes that it writes; never root.",
    )
    pod_node_selector: dict[str, str] = Field(
        {}, description="Labels that a node must have, as a JSON object."
    )
    pod_tolerations: tuple[dict[str, Any], ...] = Field(
        ({"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"},),
        description="Taints of nodes that the pods tolerate, as a JSON list.",
    )
    pod_priority_class: str | None = Field(None, description="Priority class of the pods.")
    pod_database_secret: str = Field(
        "tulip-database", description="Secret whose keys are variables: TULIP_DATABASE_URL."
    )
    pod_store_secret: str = Field(
        "tulip-store",
        description="Secret whose keys are variables: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        " of an S3 store. It may be absent.",
    )
    pod_store_claim: str = Field(
        "tulip-store",
        description="Volume claim that holds TULIP_STORE where that is a folder, mounted there.",
    )
    pod_environment: dict[str, str] = Field(
        {},
        description="More variables of the pods, as a JSON object. Everybody who sees pods or"
        " Airflow sees them: secrets do not belong here.",
    )
    pod_schedule_seconds: int = Field(
        3600, ge=1, description="How long a pod may wait for a node with room, such as a free GPU."
    )
    pod_startup_seconds: int = Field(
        1200, ge=1, description="How long the start on that node may take: mostly, the image's way."
    )
    pod_poll_seconds: float = Field(10.0, gt=0, description="How often Airflow looks at a pod.")
    pod_deferrable: bool = Field(
        True,
        description="Let Airflow's triggerer watch the pods, so that a waiting task holds no"
        " worker. False: the worker itself watches.",
    )
