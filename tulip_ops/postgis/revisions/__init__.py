"""The migrations: Alembic's order, SQL's words.

Each revision is a file of SQL beside a file of Python that runs it; both stay as they are once
released. Later ones are named r0002_..., r0003_..., each after the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, NoReturn

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tulip_ops.core.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import Connection as Bound

    from tulip_ops.postgis.connection import Connection


@contextmanager
def bind(connection: Connection) -> Iterator[Bound]:
    """The connection as Alembic wants it: one transaction, committed at the end of the block.

    The connection is closed then. Errors stay those of psycopg.
    """
    connection.autocommit = False  # SQLAlchemy begins and commits by itself
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=NullPool)
    try:
        with engine.begin() as bound:
            yield bound
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from error
        raise


def upgrade(bound: Bound) -> None:
    """Run what is missing, within the transaction of `bound`."""
    config = configuration()
    config.attributes["connection"] = bound
    command.upgrade(config, "head")


def heads() -> list[str]:
    """The revisions that no other follows; more than one is a mistake."""
    return list(ScriptDirectory.from_config(configuration()).get_heads())


def run(name: str) -> None:
    """Run `versions/<name>.sql` as it stands."""
    sql = files(__package__).joinpath("versions", f"{name}.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})


def refuse_downgrade() -> NoReturn:
    """Going back would lose what was recorded since."""
    raise BadInput("migrations only go forwards; to go back, restore a backup of the database")


def configuration() -> Config:
    """Alembic's configuration; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", f"{__package__}:.")
    return config
