"""How often and when Airflow tries again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryRule

from tulip_airflow.pod_errors import (
    ClusterUnavailable,
    Evicted,
    ImageNotPulled,
    NodeLost,
    NotScheduled,
    PodLost,
    QuotaExceeded,
)

RETRIES = ExceptionRetryPolicy(
    rules=[
        RetryRule([Evicted, NodeLost, PodLost], retry_delay=timedelta(minutes=1),
                  reason="the pod was fine; its place was not"),
        RetryRule([NotScheduled, QuotaExceeded], retry_delay=timedelta(minutes=10),
                  reason="GPUs are busy, or their nodes are on their way"),
        RetryRule([ImageNotPulled, ClusterUnavailable], retry_delay=timedelta(minutes=5),
                  reason="a registry or the cluster may be away for a while"),
    ]
)  # fmt: skip
"""Without a matching rule a failure is retried like any step."""

DEFAULTS: dict[str, Any] = {
    "owner": "tulip",
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "do_xcom_push": False,
    "weight_rule": "upstream",  # acquisitions in progress are finished before new ones begin
}
