"""`tulip containers`: what docker-compose.yaml runs once at each start."""

from __future__ import annotations

from pathlib import Path

import click

from tulip_ops.cli.options import OutputFileType
from tulip_ops.core.settings import Settings


@click.group("containers")
def group() -> None:
    """What docker-compose.yaml runs once at each start; all of it is safe to repeat."""


@group.command()
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the S3 store's identities, which the store's container shares.",
)
def keys(store: Path) -> None:
    """Generate the secrets that are missing, in TULIP_STATE/keys; nothing of them is printed."""
    from tulip_ops.services import compose

    compose.make_keys(Settings.load().storage.state, store)


@group.command()
@click.option("--postgres", "host", required=True, help="Host of the PostgreSQL server.")
@click.option("--port", type=int, default=5432, show_default=True, help="Its port.")
def prepare(host: str, port: int) -> None:
    """Make databases, logins and tables, and the bucket of TULIP_STORE."""
    from tulip_ops.services import compose

    compose.prepare(Settings.load().storage, host, port)


@group.command()
@click.option("--airflow", "url", required=True, help="URL of Airflow's API server.")
@click.option("--archive", help="Folder or s3:// prefix of scenes; default: a simulated archive.")
@click.option(
    "--areas",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Areas of interest; default: where the archive's scenes lie.",
)
def demo(url: str, archive: str | None, areas: Path | None) -> None:
    """Run the main job through an Airflow that runs already: from scenes to the season table."""
    from tulip_ops.services import compose

    compose.run_demo(Settings.load(), url, archive, areas)


@group.command("pod-template")
@click.argument("hosts", nargs=-1, required=True)
@click.option(
    "--out",
    "file",
    type=OutputFileType(),
    required=True,
    help="The template, for TULIP_POD_TEMPLATE.",
)
def pod_template(hosts: tuple[str, ...], file: Path) -> None:
    """Write a template by which pods reach HOSTS of the containers' network by name."""
    from tulip_ops.services import compose

    compose.write_pod_template(file, hosts)
