"""Checks that the cluster of the pods answers and grants the rights that Airflow needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubernetes import client, config
from kubernetes.client import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from tulip_ops.core.errors import ClusterUnavailable

NEEDED = {
    "pods": ("create", "get", "list", "watch", "patch", "delete"),
    "pods/log": ("get",),
    "events": ("list", "watch"),
}
"""What Airflow asks of the cluster, by resource, in the namespace of the pods alone."""

PATIENCE = 10
"""Seconds to wait for an answer."""

_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def describe(namespace: str, gpu_resource: str) -> str:
    """One line on the cluster, and on GPUs if its nodes may be listed.

    Reached as a pod's service account or, elsewhere, by KUBECONFIG. `ClusterUnavailable` where it
    does not answer, or lacks a right in `namespace` that pods need.
    """
    with _named(), _connected() as api:
        version = client.VersionApi(api).get_code(_request_timeout=PATIENCE).git_version
        reviews = client.AuthorizationV1Api(api)
        missing = [
            f"{verb} {what}" for what, verb in _wanted() if not _may(reviews, namespace, what, verb)
        ]
        if missing:
            raise ClusterUnavailable(
                f"the cluster does not allow to {', '.join(missing)} in namespace {namespace};"
                " give Airflow's user the role in deploy/"
            )
        return f"Kubernetes {version}, namespace {namespace}, {_gpus(api, gpu_resource)}"


def _wanted() -> Iterator[tuple[str, str]]:
    for what, verbs in NEEDED.items():
        for verb in verbs:
            yield what, verb


def _may(reviews: client.AuthorizationV1Api, namespace: str, what: str, verb: str) -> bool:
    resource, _, part = what.partition("/")
    attributes = client.V1ResourceAttributes(
        namespace=namespace, resource=resource, subresource=part or None, verb=verb
    )
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    )
    answer = reviews.create_self_subject_access_review(review, _request_timeout=PATIENCE)
    return bool(answer.status.allowed)


def _gpus(api: client.ApiClient, gpu_resource: str) -> str:
    """Most accounts may not list nodes, and need not."""
    try:
        nodes = client.CoreV1Api(api).list_node(_request_timeout=PATIENCE).items
    except ApiException as error:
        if error.status != 403:
            raise
        return f"whose nodes and {gpu_resource} this account may not see"
    counts = [int((node.status.allocatable or {}).get(gpu_resource, 0)) for node in nodes]
    return f"{sum(counts)} x {gpu_resource} on {sum(map(bool, counts))} of {len(nodes)} nodes"


@contextmanager
def _connected() -> Iterator[client.ApiClient]:
    settled = client.Configuration()
    if _TOKEN.exists():
        config.load_incluster_config(client_configuration=settled)
    else:
        config.load_kube_config(client_configuration=settled)
    with client.ApiClient(settled) as api:
        yield api


@contextmanager
def _named() -> Iterator[None]:
    """Errors of the client as ours; its own may quote headers with tokens."""
    try:
        yield
    except ConfigException as error:
        raise ClusterUnavailable(
            f"no cluster is set: {error}; set KUBECONFIG, or run in a pod with a service account"
        ) from None
    except ApiException as error:
        raise ClusterUnavailable(
            f"the cluster answers {error.status} {error.reason}; check KUBECONFIG"
        ) from None
    except HTTPError as error:
        raise ClusterUnavailable(f"the cluster does not answer: {error}") from None
