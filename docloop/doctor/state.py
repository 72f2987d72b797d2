"""Where the state is: the database, the queue, and files by URL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from docloop.doctor import here
from docloop.doctor.bench import Bench
from docloop.doctor.findings import Check, Found, Known, Level, of_error
from ml_backend.errors import SetupError, StorageError, StoreError
from ml_backend.services import store_url
from ml_backend.storage import open_bucket
from ml_backend.store.opening import connect
from ml_backend.store.schema import REVISIONS
from ml_backend.store.store import open_store

_SQLITE = (3, 35, 0)  # RETURNING
_REDIS = (6, 2)  # GETDEL, LMOVE and what huey asks for
_PATIENCE = 5.0  # seconds that somebody else may be writing
_CLOCKS = 5.0  # seconds that clocks of docloop's machines may differ; a lease lasts 20
_SHARED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "ceph", "glusterfs", "fuse.glusterfs", "afs", "vboxsf"}
)
_DATABASE = "Everything that docloop knows is in it."
_QUEUE = "Jobs and hints travel over it between the web process and the workers."

KNOWN = {
    "store_missing": Known(
        Level.FAULT,
        "there is no database where the settings say it is",
        "It is made at the first start; another address or folder means another docloop's settings.",
        "docloop serve   # once, with the same DOCLOOP_STORE_URL and DOCLOOP_DATA_DIR",
    ),
    "store_unreachable": Known(
        Level.FAULT,
        "the database cannot be opened",
        _DATABASE,
        "Correct DOCLOOP_STORE_URL, start the database, and look whether user and password are right.",
    ),
    "newer_database": Known(
        Level.FAULT,
        "the database was written by a newer docloop",
        "An older one would read it wrongly, so it refuses.",
        "pip install --upgrade docloop   # or restore a backup that this version made",
    ),
    "store_older": Known(
        Level.FAULT,
        "the database is of an older docloop and was not brought forward yet",
        "The docloop that runs is older than this command; nothing is lost, the next start upgrades it.",
        "Restart docloop serve.",
    ),
    "sqlite_old": Known(
        Level.FAULT,
        "SQLite is older than 3.35",
        "docloop's statements need what came with that version.",
        "Use a newer Python (its SQLite comes with it), or PostgreSQL with DOCLOOP_STORE_URL.",
    ),
    "sqlite_on_network": Known(
        Level.FAULT,
        "the SQLite file lies on a network file system",
        "Locks of SQLite do not hold there: two processes can destroy the database.",
        "Move DOCLOOP_DATA_DIR to a local disk, or use PostgreSQL with DOCLOOP_STORE_URL.",
    ),
    "sqlite_locked": Known(
        Level.FAULT,
        "another process keeps SQLite from being written for seconds",
        "Label Studio waits meanwhile, and webhooks to train are lost.",
        "Look for a second program on {path} (a backup, a shell, another docloop) and end it.",
    ),
    "clock_store": Known(
        Level.FAULT,
        "the database's clock and ours differ by more than 5 s",
        "Workers tell by the time who is alive; a clock that differs makes work run twice or stand still.",
        "timedatectl set-ntp true   # on all machines of docloop and on the database's",
    ),
    "queue_unreachable": Known(
        Level.FAULT,
        "Redis cannot be reached",
        _QUEUE,
        "Start Redis and correct DOCLOOP_QUEUE_URL, such as redis://:password@host:6379/0.",
    ),
    "redis_old": Known(
        Level.WARNING,
        "Redis is older than 6.2",
        "It was not tried with docloop.",
        "Use Redis 6.2 or newer.",
    ),
    "redis_evicts": Known(
        Level.FAULT,
        "Redis throws keys away when its memory is full",
        "A job that waits would vanish without a word.",
        "redis-cli CONFIG SET maxmemory-policy noeviction   # and the same in redis.conf",
    ),
    "redis_forgets": Known(
        Level.WARNING,
        "Redis keeps nothing on disk",
        "After a restart jobs and hints are gone; docloop finds the work again, but up to an hour later.",
        "redis-cli CONFIG SET appendonly yes   # and the same in redis.conf",
    ),
    "storage_unusable": Known(
        Level.FAULT,
        "the storage for files cannot be written and read",
        "Model versions and pages of confirmed documents lie there.",
        "Correct DOCLOOP_STORAGE_URL and its keys; the bucket must be there, with the right to put, get, list and delete.",
    ),
}  # fmt: skip


def store(bench: Bench) -> Iterator[Found]:
    """The database: what kind, which schema, whose clock. An older one is not upgraded here."""
    url = store_url(bench.settings)
    path = _sqlite_path(url)
    if path is not None and not path.exists():
        yield Found(f"there is no file {path}", "store_missing")
        return
    try:
        database = connect(url)
    except StoreError as error:
        yield of_error(error, (), "store_unreachable")
        return
    try:
        with database.read() as connection:
            found = _revision(connection)
            ahead = 0.0 if database.is_sqlite else _ahead(connection, bench.clock)
            version = str(connection.scalar(sa.text("SELECT sqlite_version()" if path else "SHOW server_version")))
    except StoreError as error:
        yield of_error(error, (), "store_unreachable")
        return
    finally:
        database.engine.dispose()
    if found not in REVISIONS:
        code = "newer_database" if found else "store_missing"
        yield Found(f"schema {found or 'none'}; this docloop knows {REVISIONS[-1]} and older", code)
        return
    if found != REVISIONS[-1]:
        yield Found(f"schema {found}, this docloop writes {REVISIONS[-1]}", "store_older")
        return
    if path is not None:
        yield from _file(path)
    elif abs(ahead) > _CLOCKS:
        yield Found(f"the database's clock is {ahead:+.1f} s off ours", "clock_store")
    bench.store = open_store(url)
    yield Found(f"{'SQLite' if path else 'PostgreSQL'} {version}, schema {found}")


def _sqlite_path(url: str) -> Path | None:
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return None  # connect says it better
    return Path(address.database or "") if address.drivername.startswith("sqlite") else None


def _revision(connection: sa.Connection) -> str:
    if "alembic_version" not in sa.inspect(connection).get_table_names():
        return ""
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")


def _ahead(connection: sa.Connection, clock: Callable[[], float]) -> float:
    """Seconds that the database's clock is ahead of ours."""
    began = clock()
    theirs = float(connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())")) or 0.0)
    return theirs - (began + clock()) / 2


def _file(path: Path) -> Iterator[Found]:
    """What SQLite needs of its file: a local disk, and a turn to write within a second."""
    if sqlite3.sqlite_version_info < _SQLITE:
        yield Found(f"SQLite {sqlite3.sqlite_version}", "sqlite_old")
    system = file_system(path)
    if system in _SHARED:
        yield Found(f"{path} is on {system}", "sqlite_on_network")
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE").close()
            connection.execute("ROLLBACK").close()
    except sqlite3.OperationalError as error:
        yield Found(f"{path}: {error}", "sqlite_locked", {"path": path})


def file_system(path: Path, mounts: str = "/proc/self/mounts") -> str:
    """The kind of file system that a path is on, such as ``ext4`` or ``nfs4``; empty where the system does not tell."""
    try:
        rows = [line.split() for line in Path(mounts).read_text(encoding="utf-8").splitlines()]
    except OSError:
        return ""
    real = path.resolve()
    here = [(row[1].replace("\\040", " "), row[2]) for row in rows if len(row) > 2]
    best = [(len(place), kind) for place, kind in here if real.is_relative_to(place)]
    return max(best, key=lambda one: one[0])[1] if best else ""


def queue(bench: Bench) -> Iterator[Found]:
    """The queue: files, or Redis with what it may forget."""
    url = bench.settings.queue_url.get_secret_value()
    if not url:
        yield Found(f"files in {bench.settings.data_dir}")
        return
    from ml_backend.jobs.redis_connection import connect as connect_redis
    from ml_backend.jobs.redis_connection import place

    try:
        client = connect_redis(url)
    except SetupError as error:
        yield of_error(error, (), "queue_unreachable")
        return
    with closing(client):
        about: dict[str, Any] = dict(client.info())
        where = place(client)
    yield from redis_faults(about)
    yield Found(f"Redis {about.get('redis_version', '?')} at {where}")


def redis_faults(about: dict[str, Any]) -> Iterator[Found]:
    """What Redis says of itself (INFO) that docloop cannot live with."""
    version = str(about.get("redis_version", ""))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < _REDIS:
        yield Found(f"Redis {version or 'of an unknown version'}", "redis_old")
    policy, most = str(about.get("maxmemory_policy", "noeviction")), int(about.get("maxmemory") or 0)
    if most and policy != "noeviction":
        yield Found(f"maxmemory {most} bytes, maxmemory-policy {policy}", "redis_evicts")
    if not int(about.get("aof_enabled") or 0):
        yield Found("appendonly is off", "redis_forgets")


def storage(bench: Bench) -> Iterator[Found]:
    """Files by URL: put one, get it back, delete it."""
    url = bench.settings.storage_url
    if not url:
        yield Found(f"folders in {bench.settings.data_dir}")
        return
    began = bench.clock()
    try:
        open_bucket(url).check()
    except (SetupError, StorageError) as error:
        yield of_error(error, (), "storage_unusable")
        return
    yield Found(f"written, read and deleted in {(bench.clock() - began) * 1000:.0f} ms")


CHECKS = (
    Check("store.answers", "The database", store, seconds=40, quick=True),
    Check("queue.answers", "The queue", queue, quick=True),
    Check("storage.answers", "The storage for files", storage, seconds=60, quick=True),
    here.WORKER_CHECK,
)
