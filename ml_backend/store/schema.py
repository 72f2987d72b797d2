"""Bringing a database to the schema of this docloop, once, whoever comes first.

Migrations are numbered files that are only ever added to. Where nothing is to do, one look says so and Alembic is not loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from filelock import FileLock, Timeout

from ml_backend.errors import StoreError
from ml_backend.store.database import Database
from ml_backend.store.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
REVISIONS = tuple(sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py")))
VERSION_TABLE = "alembic_version"
_LOCK = 0x646F636C6F6F70  # "docloop": the number of PostgreSQL's advisory lock
_WAIT = 120.0  # seconds for another process to finish its migration


def migrate(database: Database, keep: Callable[[str], None] = lambda revision: None) -> None:
    """Make or upgrade the tables. Only one process does, others wait for it.

    ``keep`` is given the revision of a database that is about to be upgraded; when it raises, nothing is changed.

    Raises:
        StoreError: the schema is a newer docloop's, or the tables are another program's.
    """
    if revision_of(database) == REVISIONS[-1]:
        return
    with _alone(database):
        found = revision_of(database)
        if found == REVISIONS[-1]:
            return
        if found:
            keep(found)
        with database.write() as connection:
            migrate_to(connection, "head")


def revision_of(database: Database) -> str:
    """The revision the database is at, "" when it is empty."""
    with database.read() as connection:
        there = set(sa.inspect(connection).get_table_names())
        if VERSION_TABLE in there:
            found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
        else:
            found = None
    if found is None:
        if there - {VERSION_TABLE} if database.is_sqlite else there & set(metadata.tables):
            raise StoreError(
                "foreign_database", "The database has tables of another program.", "Give docloop a database of its own."
            )
        return ""
    if found not in REVISIONS:
        raise StoreError(
            "newer_database",
            f"The database is at revision {found!r}, this docloop knows {REVISIONS[-1]!r} and older.",
            "Start the newer docloop that wrote it, or give this one a database of its own.",
        )
    return str(found)


def migrate_to(connection: sa.Connection, revision: str) -> None:
    """Bring the tables to ``revision`` ("head": the newest), inside the transaction of ``connection``."""
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def alembic_config() -> Config:
    """The settings of Alembic: it runs inside this process, on a connection it is given; there is no alembic.ini."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """The only process that migrates: a lock file beside the SQLite file, an advisory lock on PostgreSQL."""
    if not database.is_sqlite:
        with database.engine.connect() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))
        return
    try:
        with FileLock(f"{database.engine.url.database}.lock", timeout=_WAIT):
            yield
    except Timeout:
        raise StoreError(
            "store_busy",
            f"Another docloop has been preparing the database for {_WAIT:.0f} s.",
            "Look whether it hangs.",
        ) from None
