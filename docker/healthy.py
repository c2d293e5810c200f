"""Exits with 0 if Airflow's API server says that a part is healthy, and with 1 saying why not.

    healthy.py metadatabase|scheduler|triggerer|dag_processor

One request: Airflow's own `airflow jobs check` imports all of Airflow, seconds of a core each time.
"""

import json
import os
import sys
from urllib.request import urlopen

PART = sys.argv[1]
SITE = os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].removesuffix("/execution/")

try:
    with urlopen(f"{SITE}/api/v2/monitor/health", timeout=5) as answer:  # noqa: S310  # ours
        state = json.load(answer)[PART]["status"]
except (OSError, KeyError, ValueError) as error:
    sys.exit(f"{SITE} does not tell of {PART}: {error!r}")
if state != "healthy":
    sys.exit(f"{PART} is {state}")
