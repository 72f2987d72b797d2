"""Connections and transactions, and what differs between SQLite and PostgreSQL; nothing here knows a table.

One writer at a time (``BEGIN IMMEDIATE`` on SQLite), readers never wait (WAL). Calls inside a ``transaction()`` of the same
thread join it. Errors of the database come out as ``StoreError`` without the values they were about, which may be
somebody's document, and without the password of the URL.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, StatementError

from ml_backend.errors import StoreError

PATIENCE = 30.0  # seconds a writer waits for another one
AWAY = frozenset({"database_locked", "database_unavailable"})  # codes of a database that may be there again in a moment
CHUNK = 500  # rows or ids in one statement; SQLite takes 32,766 values
BEGIN = "docloop_begin"  # the option of a connection that says how its transaction begins on SQLite; "": not at all

Item = TypeVar("Item")


class Database:
    """An engine with the transactions of this thread."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._of_thread = _OfThread()
        self._unwiped = False  # whether deleted text may still stand in SQLite's log
        self._turn = threading.Lock()  # threads queue here, since SQLite itself lets waiters sleep and retry
        if self.is_sqlite:
            sa.event.listen(engine, "connect", _prepare_sqlite)
            sa.event.listen(engine, "begin", _begin_sqlite)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes: committed at the end, undone by an exception; inner ones join the outer one."""
        mine = self._of_thread
        if mine.connection is not None:
            try:
                yield mine.connection
            except BaseException:
                mine.broken = True  # half an inner call must not be committed by an outer one that goes on
                raise
            return
        with translated(), self._my_turn(), self.engine.connect() as connection:
            connection.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
            with connection.begin():
                mine.connection, mine.broken, mine.deleted = connection, False, False
                try:
                    yield connection
                    if mine.broken:
                        raise StoreError(
                            "transaction_broken", "A call inside the transaction failed: nothing was kept."
                        )
                finally:
                    mine.connection = None
            self._unwiped |= mine.deleted and self.is_sqlite
            if self._unwiped:
                self._unwiped = not _wiped(connection)

    def deleted(self) -> None:
        """Say inside a ``write`` that text was deleted: after the commit it leaves SQLite's write-ahead log, too."""
        self._of_thread.deleted = True

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view. It waits for nobody; inside a ``write`` of this thread it sees what was written so far."""
        if self._of_thread.connection is not None:
            yield self._of_thread.connection
            return
        with translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    def insert(self, table: sa.Table) -> Any:
        """INSERT of this dialect, which has ``on_conflict_do_update``."""
        return (sqlite if self.is_sqlite else postgresql).insert(table)

    def upsert(self, table: sa.Table, keys: Sequence[str], given: Sequence[str]) -> Any:
        """INSERT of the columns ``given`` that takes them all over where ``keys`` are there already."""
        statement = self.insert(table)
        changed = {name: statement.excluded[name] for name in given if name not in keys}
        return statement.on_conflict_do_update(index_elements=list(keys), set_=changed)

    def pages(
        self,
        statement: sa.Select[Any],
        keys: Sequence[sa.ColumnElement[Any]],
        record: Callable[..., Item],
        descending: bool = False,
        limit: int | None = None,
    ) -> Iterator[Item]:
        """``record(*row)`` for all rows, ordered by ``keys`` (unique together), read page by page.

        Memory stays flat, and between two pages no transaction is open that would keep SQLite's log from being emptied.
        """
        ordered = statement.add_columns(*keys).order_by(*(key.desc() if descending else key for key in keys))
        place, left = sa.tuple_(*keys), limit
        page = ordered
        while left is None or left > 0:
            size = CHUNK if left is None else min(CHUNK, left)
            with self.read() as connection:
                rows = connection.execute(page.limit(size)).all()
            for row in rows:
                yield record(*row[: -len(keys)])
            if len(rows) < size:
                return
            left = None if left is None else left - size
            last = sa.tuple_(*(sa.literal(v, key.type) for v, key in zip(rows[-1][-len(keys) :], keys, strict=True)))
            page = ordered.where(place < last if descending else place > last)

    def still_there(self, connection: sa.Connection, key: sa.Column[Any], ids: Sequence[int]) -> set[int]:
        """Which of ``ids`` exist, and go on existing until the end of this transaction."""
        found = sa.select(key).where(key.in_(ids)).with_for_update(read=True, key_share=True)
        return set(connection.execute(found).scalars())

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=PATIENCE):
            raise _locked()
        try:
            yield
        finally:
            self._turn.release()


class _OfThread(threading.local):
    connection: sa.Connection | None = None
    broken: bool = False
    deleted: bool = False


def in_chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """``items`` in pieces that one statement can take."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the driver as StoreError. Values are left out of the message: they may be text of a document."""
    try:
        yield
    except DBAPIError as error:
        said = (str(error.orig).strip().splitlines() or [""])[0]
        if "database is locked" in said:
            raise _locked() from None
        if isinstance(error, IntegrityError | DataError | ProgrammingError):
            kind = type(error.orig).__name__
            raise StoreError("database_refused", f"The database refused a statement: {kind}.") from None
        raise StoreError(
            "database_unavailable",
            f"The database cannot be used: {said}.",
            "See that it runs, that the address is right and that its disk is not full.",
        ) from None
    except (StatementError, OverflowError) as error:  # a value that no column holds, such as a number beyond 64 bits
        kind = type(getattr(error, "orig", None) or error).__name__
        raise StoreError("database_refused", f"The database cannot hold a value: {kind}.") from None


def _locked() -> StoreError:
    return StoreError(
        "database_locked",
        f"Another program has kept the database locked for {PATIENCE:.0f} s.",
        "Close what has it open for writing.",
    )


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _begin_sqlite does
    for pragma in (f"busy_timeout={PATIENCE * 1000:.0f}", "foreign_keys=ON", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _wiped(connection: sa.Connection) -> bool:
    """Move the log into the file, where secure_delete wrote zeros, and empty it. False: a reader is busy, try it again."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute("PRAGMA busy_timeout=100").close()
        busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        driver.execute(f"PRAGMA busy_timeout={PATIENCE * 1000:.0f}").close()
    except driver.Error:  # what was to be written is committed, so this is no failure of the call
        connection.invalidate()
        return False
    return not busy


def _begin_sqlite(connection: sa.Connection) -> None:
    how = connection.get_execution_options().get(BEGIN, "BEGIN")
    if how:
        connection.exec_driver_sql(how)
