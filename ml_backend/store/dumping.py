"""All tables as JSON lines, and back: the same from SQLite and PostgreSQL, so that a backup of the one fills the other.

Tables are read as the database has them, not as this docloop knows them: a backup is taken before they are upgraded, and one of
an older docloop is filled into tables of its own revision, which are upgraded then.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from ml_backend.errors import ArchiveRefused
from ml_backend.store.database import CHUNK, Database, translated
from ml_backend.store.schema import REVISIONS, VERSION_TABLE, migrate_to, revision_of

TRANSIENT = frozenset({"push_batches", "push_answers", VERSION_TABLE})  # what processes hold at this moment
_LEASES = "leases"
_YEAR = 3.2e7  # seconds; a lease that lasts longer is no process's but a person's wish: a project that rests


@contextmanager
def one_moment(database: Database) -> Iterator[sa.Connection]:
    """A connection that sees the database as it is now, however long it is read. Writers are not kept waiting."""
    with translated(), database.engine.connect() as connection:
        if not database.is_sqlite:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def dumped(connection: sa.Connection) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each table's name with its rows, a line of JSON each; tables that others point to come first."""
    for table in _tables(connection):
        yield table.name, _lines(connection, table)


def last_ids(connection: sa.Connection) -> dict[str, int]:
    """The highest id that each table ever gave out: none is given out again after a restore."""
    if connection.dialect.name == "sqlite":
        there = sa.inspect(connection).has_table("sqlite_sequence")
        rows = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all() if there else []
        return {str(name): int(number) for name, number in rows if number}
    found = {}
    for name, sequence in _sequences(connection):
        last = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()  # noqa: S608 - its own name
        if last[1]:
            found[name] = int(last[0])
    return found


def fill(
    database: Database, revision: str, ids: Mapping[str, int], tables: Iterable[tuple[str, Iterable[bytes]]]
) -> None:
    """Make the tables of ``revision`` in an empty database, fill them and upgrade them, all or nothing.

    Raises:
        ArchiveRefused: a newer docloop's revision, rows that are none, or a database that is not empty.
        StoreError: the database refused.
    """
    if revision not in REVISIONS:
        raise ArchiveRefused(
            "archive_newer", "The backup was taken by a newer docloop.", "Restore it with that one, or a newer one."
        )
    refuse_filled(database)
    with database.write() as connection:
        migrate_to(connection, revision)
        known = {table.name: table for table in _tables(connection)}
        for name, lines in tables:
            if name not in known:
                raise ArchiveRefused("archive_odd", f"The backup has a table {name!r} that docloop does not.")
            _insert(connection, known[name], lines)
        _set_last_ids(connection, ids)
        migrate_to(connection, "head")


def refuse_filled(database: Database) -> None:
    """Raises ArchiveRefused for a database that has tables of docloop."""
    if revision_of(database):
        raise ArchiveRefused(
            "store_not_empty", "The database has tables of docloop already.", "Restore into an empty one."
        )


def _tables(connection: sa.Connection) -> list[sa.Table]:
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name not in TRANSIENT]


def _lines(connection: sa.Connection, table: sa.Table) -> Iterator[bytes]:
    names = [column.name for column in table.columns]
    statement = sa.select(table).order_by(*table.primary_key.columns)
    if table.name == _LEASES:
        statement = statement.where(table.c.until > time.time() + _YEAR)
    rows = connection.execution_options(yield_per=CHUNK).execute(statement)
    for row in rows:
        yield json.dumps(dict(zip(names, map(_to_json, row), strict=True)), separators=(",", ":")).encode() + b"\n"


def _to_json(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes | memoryview) else value


def _from_json(value: Any) -> Any:
    return base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value


def _insert(connection: sa.Connection, table: sa.Table, lines: Iterable[bytes]) -> None:
    names = {column.name for column in table.columns}
    rows: list[dict[str, Any]] = []
    try:
        for line in lines:
            row = {name: _from_json(value) for name, value in json.loads(line).items()}
            if row.keys() != names:
                raise ValueError("other columns")
            rows.append(row)
            if len(rows) >= CHUNK:
                connection.execute(table.insert(), rows)
                rows = []
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise ArchiveRefused("archive_odd", f"The backup's table {table.name} has a row that is none.") from None
    if rows:
        connection.execute(table.insert(), rows)


def _set_last_ids(connection: sa.Connection, ids: Mapping[str, int]) -> None:
    if connection.dialect.name == "sqlite":
        for name, number in ids.items():
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))
        return
    for name, sequence in _sequences(connection):
        if name in ids:
            connection.execute(sa.select(sa.func.setval(sequence, ids[name])))


def _sequences(connection: sa.Connection) -> list[tuple[str, str]]:
    """Each table whose id counts by itself, with the name of PostgreSQL's sequence for it."""
    found = []
    for table in _tables(connection):
        for column in table.primary_key.columns:
            sequence = connection.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))).scalar()
            if sequence:
                found.append((table.name, str(sequence)))
    return found
