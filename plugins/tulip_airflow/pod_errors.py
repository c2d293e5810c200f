"""Error classes for the failures of pods, as named in Airflow's log."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException, AirflowFailException


class PodFailed(AirflowException):
    """Base of the failures of pods that a repeat may heal."""


class OutOfMemory(PodFailed):
    """The container passed its memory limit."""


class Evicted(PodFailed):
    """The pod was evicted: node pressure, drain or preemption."""


class NodeLost(PodFailed):
    """The node went away with the pod, or refused it."""


class PodLost(PodFailed):
    """The pod was deleted while the task waited for it."""


class ImageNotPulled(PodFailed):
    """The node cannot get the image."""


class NotScheduled(PodFailed):
    """No node had room for the pod in time."""


class NotStarted(PodFailed):
    """A node took the pod and did not start it in time."""


class TimedOut(PodFailed):
    """The pod ran longer than it may."""


class QuotaExceeded(PodFailed):
    """The namespace has no room for one more pod."""


class ClusterUnavailable(PodFailed):
    """The API of the cluster does not answer, or not in time."""


class ClusterRefuses(AirflowFailException):
    """The API refuses what is asked: rights, namespace, or specification. Not retried."""


class SecretMissing(AirflowFailException):
    """A Secret that the pod refers to is not there. Not retried."""
