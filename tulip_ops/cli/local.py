"""`tulip local`: PostGIS and Airflow on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from tulip_ops.cli.options import as_json, show
from tulip_ops.core.settings import Settings


@click.group("local")
def group() -> None:
    """The stack on this machine: a private PostGIS and Airflow's services, all in TULIP_STATE."""


@group.command()
@click.option("--archive", help="Folder or s3:// prefix of scenes; default: a simulated archive.")
@click.option(
    "--areas",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Areas of interest; default: where the archive's scenes lie.",
)
@click.option("--started", type=float, hidden=True, help="When `make demo` began, epoch seconds.")
def demo(archive: str | None, areas: Path | None, started: float | None) -> None:
    """Run the main job: from an archive of scenes to the season table, through Airflow."""
    from tulip_ops.services import demo as local_demo

    local_demo.run(Settings.load(), archive, areas, started=started)


@group.command()
def up() -> None:
    """Start PostGIS and Airflow, and leave them running."""
    from tulip_ops.services import demo as local_demo

    local_demo.up(Settings.load())


@group.command()
def stop() -> None:
    """Stop everything that this stack started, by pid."""
    from tulip_ops.services import demo as local_demo

    local_demo.stop(Settings.load().storage.state)


@group.command()
@as_json
def status(as_json: bool) -> None:
    """Say which services run, where, and how to log in."""
    from tulip_ops.services import demo as local_demo

    services = local_demo.status(Settings.load().storage.state)
    lines = [f"{name:16} {state}" for name, state in services.items()]
    show(as_json, "\n".join(lines), **services)
