"""The network steps as pods: TULIP_RUNTIME=kubernetes.

Imported by the step factory when it makes such a step, and by nothing else: the pod operator
costs seconds (`.airflowignore` keeps Airflow from loading this file as a plugin).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodPhase
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from kubernetes.client import ApiException, models

from tulip_airflow.command import end_with_parent, program
from tulip_airflow.exit_codes import SKIPPED
from tulip_airflow.pod_failures import classify_failure
from tulip_airflow.retries import RETRIES
from tulip_ops.core.kubernetes_settings import KubernetesSettings
from tulip_ops.core.settings import Settings
from tulip_ops.services import pods

if TYPE_CHECKING:
    from airflow.sdk import Context

ENDING = timedelta(minutes=5)
"""For creating and removing the pod, beside the time that it may wait, start and run."""
GRACE = 10
"""Seconds between SIGTERM and SIGKILL; a killed step leaves products complete or absent."""

_ENDED = frozenset({PodPhase.SUCCEEDED, PodPhase.FAILED})


class PodStep(KubernetesPodOperator):
    """The pod operator, with failures by name, and without a pod if the product is complete."""

    def execute(self, context: Context) -> None:
        """Make the product in a pod, unless it is complete.

        A batch may have made it, or a pod of an earlier try that ended while nobody watched.
        """
        with self._named():
            earlier = self.find_pod(self.namespace, context)
            alive = earlier is not None and earlier.status.phase not in _ENDED
            if not alive and self._whole(context["run_id"]):
                self.process_pod_deletion(earlier)
                return
            super().execute(context)

    def trigger_reentry(self, context: Context, event: dict[str, Any]) -> Any:
        with self._named():
            return super().trigger_reentry(context, event)

    def cleanup(
        self, pod: models.V1Pod, remote_pod: models.V1Pod, *args: Any, **kwargs: Any
    ) -> None:
        """Read the pod again before it is removed: its final state is known by now."""
        if remote_pod is not None and not self._killed:
            try:
                self.remote_pod = remote_pod = self.pod_manager.read_pod(remote_pod)
            except ApiException as error:
                if error.status != 404:
                    raise
                self.remote_pod = remote_pod = None
        super().cleanup(pod, remote_pod, *args, **kwargs)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (AirflowSkipException, AirflowFailException):
            raise
        except Exception as error:
            failure = classify_failure(error, self.remote_pod, self._words())
            if failure is error:
                raise
            self.log.error("%s: %s", type(failure).__name__, failure)
            raise failure from error

    def _words(self) -> str:
        return " ".join(["tulip", *self.arguments])

    def _whole(self, run_id: str) -> bool:
        """Whether `tulip --look` finds nothing left to do; a skip ends the task as skipped."""
        looked = subprocess.run(
            [program(), *self.arguments, "--look"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"TULIP_RUN_ID": run_id},
            preexec_fn=end_with_parent,  # one system call, no locks
            check=False,
        )
        for line in looked.stdout.splitlines():
            self.log.info("%s", line)
        if looked.returncode == SKIPPED:
            raise AirflowSkipException(f"`{self._words()}` had nothing to do: see the line above")
        if looked.returncode:
            self.log.info("so a pod is needed")
        return looked.returncode == 0


def pod_step(
    *,
    task_id: str,
    arguments: Sequence[str],
    execution_timeout: timedelta,
    keys: None = None,  # noqa: ARG001  # a network step emits nothing
    **options: Any,
) -> PodStep:
    """A pod that runs `tulip` with `arguments`: the step, then the acquisition's id.

    execution_timeout: how long one acquisition may take in the pod. `BadSetting` where a setting
    is missing, would show a secret or names a folder that pods would not find: Airflow shows it as
    the import error of the DAG.
    """
    settings = Settings.load()
    chosen = settings.kubernetes
    work = execution_timeout * settings.execution.batch
    waits = timedelta(seconds=chosen.schedule_seconds + chosen.startup_seconds)
    volumes, mounts = _volumes(chosen, pods.mounted_store(settings.storage))
    plain = pods.environment(arguments[0], settings)
    return PodStep(
        task_id=task_id,
        kubernetes_conn_id=chosen.connection,
        namespace=chosen.namespace,
        name=f"tulip-{task_id}-{arguments[1]}",
        random_name_suffix=True,
        image=pods.image(chosen),
        image_pull_policy=chosen.image_policy,
        image_pull_secrets=[models.V1LocalObjectReference(n) for n in chosen.image_secrets],
        arguments=list(arguments),
        labels=_labels(task_id, arguments[1]),
        annotations={
            "tulip/run": "{{ run_id }}",
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        },
        env_vars=[
            *(models.V1EnvVar(name, value) for name, value in plain.items()),
            models.V1EnvVar("TULIP_RUN_ID", "{{ run_id }}"),
        ],
        env_from=_secrets(chosen),
        volumes=volumes,
        volume_mounts=mounts,
        container_resources=_resources(task_id, chosen),
        node_selector=chosen.node_selector,
        tolerations=[models.V1Toleration(**_snake(t)) for t in chosen.tolerations],
        priority_class_name=chosen.priority_class,
        service_account_name=chosen.service_account,
        automount_service_account_token=False,
        security_context=_pod_security(chosen.user),
        container_security_context=_container_security(),
        pod_template_file=None if chosen.template is None else str(chosen.template),
        do_xcom_push=False,
        durable=True,
        deferrable=chosen.deferrable,
        poll_interval=chosen.poll_seconds,
        logging_interval=30 if chosen.deferrable else None,
        schedule_timeout_seconds=chosen.schedule_seconds,
        startup_timeout_seconds=chosen.startup_seconds,
        active_deadline_seconds=int(work.total_seconds()),
        execution_timeout=waits + work + ENDING,
        termination_grace_period=GRACE,
        skip_on_exit_code=SKIPPED,
        on_finish_action="delete_pod",
        log_events_on_failure=True,
        log_pod_spec_on_failure=False,
        container_name_log_prefix_enabled=False,
        retry_policy=RETRIES,
        **options,
    )


def _labels(step: str, acquisition_id: str) -> dict[str, str]:
    """The operator adds those of DAG, task, run and try."""
    return {
        "app.kubernetes.io/name": "tulip",
        "app.kubernetes.io/component": step,
        "tulip/acquisition": acquisition_id,
    }


def _secrets(settings: KubernetesSettings) -> list[models.V1EnvFromSource]:
    """References alone: neither Airflow nor a pod's specification ever holds a value."""
    names = {settings.database_secret: False, settings.store_secret: True}
    return [
        models.V1EnvFromSource(secret_ref=models.V1SecretEnvSource(name=name, optional=optional))
        for name, optional in names.items()
    ]


def _volumes(
    settings: KubernetesSettings, folder: str | None
) -> tuple[list[models.V1Volume], list[models.V1VolumeMount]]:
    scratch = models.V1EmptyDirVolumeSource(size_limit=settings.scratch)
    volumes = [models.V1Volume(name="scratch", empty_dir=scratch)]
    mounts = [models.V1VolumeMount(name="scratch", mount_path=pods.SCRATCH)]
    if folder is not None:
        claim = models.V1PersistentVolumeClaimVolumeSource(claim_name=settings.store_claim)
        volumes.append(models.V1Volume(name="store", persistent_volume_claim=claim))
        mounts.append(models.V1VolumeMount(name="store", mount_path=folder))
    return volumes, mounts


def _resources(step: str, settings: KubernetesSettings) -> models.V1ResourceRequirements:
    wanted = settings.resources.get(step, {})
    gpus = {settings.gpu_resource: str(settings.gpus)} if settings.gpus else {}
    return models.V1ResourceRequirements(
        requests={**wanted.get("requests", {}), **gpus},
        limits={**wanted.get("limits", {}), **gpus},
    )


def _pod_security(user: int) -> models.V1PodSecurityContext:
    return models.V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=user,
        run_as_group=user,
        fs_group=user,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=models.V1SeccompProfile(type="RuntimeDefault"),
    )


def _container_security() -> models.V1SecurityContext:
    return models.V1SecurityContext(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=models.V1Capabilities(drop=["ALL"]),
    )


def _snake(toleration: dict[str, Any]) -> dict[str, Any]:
    """As Kubernetes writes it, for the client's constructor."""
    renamed = {"tolerationSeconds": "toleration_seconds"}
    return {renamed.get(name, name): value for name, value in toleration.items()}
