"""How several workers share the tests, where `make test` has more than one.

The tests of a module stay together, and so do modules that start the same servers: each is
started once, not once for each worker. What takes longest goes first, so that no worker ends
long after the others.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

GROUPS = {
    "tests/acceptance/": "acceptance",
    "tests/dags/": "dags",
    "tests/services/test_dags_in_airflow.py": "airflow",
    "tests/services/test_discover.py": "stac",
    "tests/services/test_airflow.py": "airflow",
    "tests/services/test_range_bytes.py": "stac",
    "tests/services/test_sources_agree.py": "stac",
    "tests/services/test_stac_": "stac",
    "tests/services/test_storm.py": "stac",
    "tests/unit/ml/": "networks",
}
"""By the beginning of their path, the modules that stay together, and what they share: servers,
or the processors, as Airflow and the networks would take them from each other."""
FIRST = [
    "acceptance",
    "networks",
    "stac",
    "airflow",
    "tests/services/test_pipeline.py",
    "tests/services/test_sentinel_hub.py",
]
"""Groups and modules by falling duration; the order of the others hardly matters."""


def group(nodeid: str) -> str:
    """What must run in the same worker: a group of modules, or a module."""
    return next(
        (group for beginning, group in GROUPS.items() if nodeid.startswith(beginning)),
        nodeid.partition("::")[0],
    )


def by_duration(nodeid: str) -> int:
    """To sort by, groups unbroken."""
    name = group(nodeid)
    return FIRST.index(name) if name in FIRST else len(FIRST)


class Groups(LoadScopeScheduling):
    """Hands out groups, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)  # type: ignore[arg-type]
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
