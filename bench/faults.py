"""Two hundred faults at random over all sources: is anything lost?

    .tulip/venv/bin/python -m bench.faults [FAULTS [SEED]]

Starts PostgreSQL with PostGIS, nginx, a STAC API, an S3 server and a Sentinel Hub service, offers
one scene in all of them, and acquires it again and again while a service refuses, throttles, fails
or cuts connections, or while files or item of the scene are bad. Under each fault the acquisition
must end whole, with the right pixels, or with the error in the ledger that the fault is called;
once the fault is over it must end whole. Prints how often each ended how, and what was lost; exits
1 if anything was.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from tests.services import nginx, s3, stac_api
from tests.services.offers import Copy, offering
from tests.services.storm import AREA, GROUND, Storm
from tulip_ops.postgis import areas, connection, migrate
from tulip_ops.services import postgres


def main(number: int, seed: int) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = postgres.start(folder / "postgres", durable=False)
        stack.callback(server.stop)
        with psycopg.connect(server.url, autocommit=True) as database:
            for name in ("tulip", "stac"):
                database.execute(f"create database {name}")  # type: ignore[arg-type]
        url = make_conninfo(server.url, dbname="tulip")
        migrate.migrate(url)
        with connection.connect(url, "faults") as tulip:
            areas.add_area(tulip, AREA)
        web = stack.enter_context(nginx.serving(folder / "nginx"))
        stac = stack.enter_context(
            stac_api.serving(folder / "stac", make_conninfo(server.url, dbname="stac"))
        )
        bucket = stack.enter_context(s3.serving())
        offers = stack.enter_context(offering(folder / "offers", bucket, stac, web))
        pristine = Copy.written(GROUND, folder / "pristine", added=1000, offset=-0.1)
        report = Storm(offers, pristine, url, folder / "storm", seed).strike(number)
    print("\n".join(report.lines()))
    return 1 if report.lost else 0


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(arguments + [200, 0][len(arguments) :])))
