"""From an address to a database: which kinds there are, the driver, the SQLite file and its folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from ml_backend.errors import StoreError
from ml_backend.folders import make_private
from ml_backend.store.database import BEGIN, Database, translated

_KNOWN = "Known ones: sqlite:////folder/docloop.db, postgresql+psycopg://user:password@host/name."
_POSTGRESQL = ("postgresql", "postgresql+psycopg", "postgres")
_POSTGRESQL_ANSWERS_WITHIN = 10  # seconds


def connect(url: str) -> Database:
    """The database at ``url``; a SQLite file and its folder are made. See ``open_store`` for what it raises."""
    try:
        address = sa.make_url(url)
    except (ArgumentError, ValueError):  # their messages quote the URL, password and all
        raise StoreError("store_address", "The address of the store is not a database URL.", _KNOWN) from None
    if address.drivername in ("sqlite", "sqlite+pysqlite"):
        return _sqlite(address)
    if address.drivername in _POSTGRESQL:
        return _postgresql(address)
    raise StoreError("store_kind", f"There is no store of the kind {address.drivername!r}.", _KNOWN)


def _sqlite(address: sa.URL) -> Database:
    if not address.database or address.database == ":memory:" or address.database.startswith("file:"):
        raise StoreError("store_address", "The store needs a file that processes can share.", _KNOWN)
    path = Path(address.database)
    try:
        _make_private(path)
    except OSError as error:
        raise StoreError(
            "store_file",
            f"The store {path} cannot be opened: {error.strerror}.",
            "Give docloop a folder it may write to.",
        ) from None
    # max_overflow: a thread never waits for a connection, only for its turn to write
    engine = sa.create_engine(
        address.set(drivername="sqlite+pysqlite"), hide_parameters=True, pool_size=4, max_overflow=-1
    )
    database = Database(engine)
    with translated(), engine.connect() as connection:
        # Kept in the file, and nothing is written where it is so already. SQLite wants no transaction around it.
        outside = connection.execution_options(**{BEGIN: ""})
        mode = outside.exec_driver_sql("PRAGMA journal_mode=WAL").scalar()
    if mode != "wal":
        raise StoreError(
            "store_file",
            f"SQLite cannot keep a write-ahead log beside {path}.",
            "Put it on a local disk, not on a share.",
        )
    return database


def _make_private(path: Path) -> None:
    """Make the file and its folder where they are not there; nobody but their owner may read it. Raises OSError."""
    make_private(path.parent)
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a file")  # a device must not be written to, nor its mode changed
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(handle).st_uid == os.geteuid():
            os.fchmod(handle, 0o600)  # SQLite gives its log and its shared memory the same mode
    finally:
        os.close(handle)


def _postgresql(address: sa.URL) -> Database:
    try:
        engine = sa.create_engine(
            address.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_pre_ping=True,  # after a restart of PostgreSQL all goes on
            max_overflow=-1,
            connect_args={"connect_timeout": _POSTGRESQL_ANSWERS_WITHIN},
        )
    except ImportError:
        raise StoreError(
            "driver_missing", "PostgreSQL needs a driver that is not installed.", "pip install 'docloop[postgresql]'"
        ) from None
    sa.event.listen(engine, "do_connect", _connect_patiently)
    return Database(engine)


def _connect_patiently(dialect: object, record: object, arguments: Any, options: Any) -> Any:
    from ml_backend.store.impatient import Connection

    return Connection.connect(*arguments, **options)
