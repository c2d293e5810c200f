"""Which options of Beam's runners may be given by a form or on the command line.

Apart from `runners`, so that the command line needs no Beam to check them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tulip_ops.core.errors import OptionRefused

ALLOWED = frozenset((
    "--flink_master", "--flink_version", "--flink_submit_uber_jar", "--parallelism",
    "--max_parallelism",
    "--spark_master_url", "--spark_rest_url", "--spark_version", "--spark_submit_uber_jar",
    "--job_endpoint", "--artifact_endpoint", "--job-server-timeout", "--sdk_worker_parallelism",
    "--environment_cache_millis",
    "--dask_npartitions", "--dask_partition_size",
    "--region", "--job_name", "--labels", "--num_workers", "--max_num_workers",
    "--autoscaling_algorithm", "--machine_type", "--disk_size_gb", "--worker_region",
    "--worker_zone", "--number_of_worker_harness_threads",
))  # fmt: skip
"""Clusters, sizes and names. Every other option of Beam may name a program, an image or a package
that runs, or where the code of the workers lies (--temp_location), or a host whose answers are
unpickled (--dask_client_address)."""


def require_allowed(flags: Sequence[str]) -> None:
    """`OptionRefused` for the first option that is not allowed, by its full name.

    Abbreviations, which Beam takes, are not allowed either.
    """
    takes_value = False
    for flag in flags:
        name, given, _ = flag.partition("=")
        if name.startswith("-"):
            if name not in ALLOWED:
                raise OptionRefused(
                    f"the option {name} of Beam is not allowed here, as it may run programs; if it"
                    " is needed, an administrator adds it to TULIP_BEAM_OPTIONS"
                )
            takes_value = not given
        elif takes_value:
            takes_value = False
        else:
            raise OptionRefused(f"{flag!r} belongs to no option of Beam; write --option=value")
