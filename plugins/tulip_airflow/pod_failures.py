"""Why a pod ended, by name: the message in Airflow's log, and whether and when it is retried.

Kubernetes reports it in several places: the state of the container, the reason and the conditions
of the pod, the answer of the API, or by the pod's absence.
"""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk.exceptions import AirflowException
from kubernetes.client import ApiException, V1Pod, V1PodCondition
from kubernetes_asyncio.client.exceptions import ApiException as AsyncApiException
from urllib3.exceptions import HTTPError

from tulip_airflow.exit_codes import raise_for_exit_code
from tulip_airflow.pod_errors import (
    ClusterRefuses,
    ClusterUnavailable,
    Evicted,
    ImageNotPulled,
    NodeLost,
    NotScheduled,
    NotStarted,
    OutOfMemory,
    PodLost,
    QuotaExceeded,
    SecretMissing,
    TimedOut,
)

_EVICTIONS = {"Evicted", "Preempting", "PreemptionByScheduler", "DeletionByTaintManager",
              "EvictionByEvictionAPI", "TerminationByKubelet"}  # fmt: skip
_NODES = {"NodeLost", "NodeShutdown", "Shutdown", "Terminated", "DeletionByPodGC", "NodeAffinity",
          "UnexpectedAdmissionError", "ContainerStatusUnknown"}  # fmt: skip
_PULLS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_LOST = re.compile(r'pods? \\*"?\S+ not found', re.IGNORECASE)
"""In the words of the API, escaped or not, and of the operator."""
_DELETED = "`{}` lost its pod: somebody or something deleted it before it had ended"
_SIGNALS = 128  # a container that a signal ended has the exit code 128 and its number


def classify_failure(error: Exception, pod: V1Pod | None, words: str) -> Exception:
    """The error class of a pod's failure; `error` itself where nothing better is known.

    pod: as it was seen last; None where it is not there. words: the command it ran.
    """
    if pod is None and _LOST.search(str(error)):
        return PodLost(_DELETED.format(words))
    refused = _refused(error)
    if refused is not None:
        return refused
    if pod is None:
        return error
    return _taken(pod, words) or _ended(pod, words) or _pending(pod, words) or error


def _refused(error: Exception) -> Exception | None:
    """The failure behind an error response of the API, or a missing one."""
    if isinstance(error, ApiException | AsyncApiException):
        reason = " ".join(str(error.body or error.reason).split())
        if error.status == 403 and "exceeded quota" in reason:
            return QuotaExceeded(reason)
        if error.status in {400, 401, 403, 404, 422}:
            return ClusterRefuses(
                f"the cluster refuses with {error.status}: {reason}. `tulip doctor` checks rights,"
                " namespace and secrets; docs/how-to/kubernetes.md lists the requirements"
            )
        return ClusterUnavailable(f"the cluster answers {error.status}: {reason}")
    if isinstance(error, HTTPError):
        return ClusterUnavailable(f"the cluster does not answer: {error}")
    return None


def _taken(pod: V1Pod, words: str) -> Exception | None:
    """The failure where it was not the command that ended the pod."""
    name, status = pod.metadata.name, pod.status
    ended = _state(pod, "terminated")
    reasons = {status.reason, ended and ended.reason}
    reasons |= {c.reason for c in status.conditions or () if c.type == "DisruptionTarget"}
    why = status.message or ", ".join(sorted(filter(None, reasons)))
    if "OOMKilled" in reasons:
        return OutOfMemory(
            f"`{words}` needed more memory than the limit of pod {name} ({_memory(pod)}): raise it"
            " in TULIP_POD_RESOURCES"
        )
    if reasons & _EVICTIONS:
        return Evicted(f"pod {name} of `{words}` was evicted: {why}")
    if reasons & _NODES or str(status.reason).startswith("OutOf"):
        return NodeLost(f"the node of pod {name} of `{words}` is gone, or refused it: {why}")
    if status.reason == "DeadlineExceeded":
        return TimedOut(f"`{words}` took longer in pod {name} than its step may: {why}")
    return PodLost(_DELETED.format(words)) if pod.metadata.deletion_timestamp else None


def _ended(pod: V1Pod, words: str) -> Exception | None:
    """As for every step: 2 and 3 are not retried, signals have names."""
    ended = _state(pod, "terminated")
    code = int(ended.exit_code) if ended else 0
    try:
        raise_for_exit_code(
            f"{words}` in pod `{pod.metadata.name}", code if code < _SIGNALS else _SIGNALS - code
        )
    except AirflowException as judged:
        return judged
    return None


def _pending(pod: V1Pod, words: str) -> Exception | None:
    """Why the pod did not start or did not finish; None if it ended."""
    name, status, waiting = pod.metadata.name, pod.status, _state(pod, "waiting")
    reason = f"{waiting.reason}: {waiting.message}" if waiting else status.message
    unplaced = [c.message for c in status.conditions or () if _unplaced(c)]
    if status.phase == "Running":
        return TimedOut(f"`{words}` took longer in pod {name} than its task may")
    if status.phase != "Pending":
        return None
    if unplaced:
        return NotScheduled(
            f"pod {name} of `{words}` found no node: {unplaced[0]}; it takes more nodes, fewer"
            " slots in the pool tulip_networks, or a longer TULIP_POD_SCHEDULE_SECONDS"
        )
    if waiting and waiting.reason in _PULLS:
        return ImageNotPulled(
            f"pod {name} of `{words}` got no image {pod.spec.containers[0].image}: {reason}; see"
            " TULIP_POD_IMAGE and TULIP_POD_IMAGE_SECRETS"
        )
    if waiting and waiting.reason == "CreateContainerConfigError":
        return SecretMissing(
            f"pod {name} of `{words}` refers to what its namespace lacks: {reason}; see"
            " TULIP_POD_DATABASE_SECRET"
        )
    return NotStarted(
        f"pod {name} of `{words}` was not started in TULIP_POD_STARTUP_SECONDS: {reason}"
    )


def _unplaced(condition: V1PodCondition) -> bool:
    return condition.type == "PodScheduled" and condition.status != "True"


def _memory(pod: V1Pod) -> str:
    resources = pod.spec.containers[0].resources
    return str(((resources and resources.limits) or {}).get("memory", "that of its node"))


def _state(pod: V1Pod, kind: str) -> Any:
    """The container's state of that kind, if it is in one."""
    container = next(iter(pod.status.container_statuses or ()), None)
    return getattr(container.state, kind) if container and container.state else None
