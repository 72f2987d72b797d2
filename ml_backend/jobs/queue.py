"""The queue of jobs, over huey's storages: a SQLite file, or Redis for many machines.

Only huey's storages are used, which carry bytes and look at none of them. Its task layer is not: it pickles by default, and keeps
results, revocations and locks that would have to be watched one by one; what is left of it here are two short loops. A job is
worth nothing by itself (job.py): a worker that dies loses the job it ran, and whoever compares what is with what should be puts
it in again.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_backend.errors import SetupError, StoreError
from ml_backend.folders import make_private
from ml_backend.jobs.job import Job, decode, encode

log = logging.getLogger(__name__)

Handler = Callable[[int], None]
_NAME = "docloop"
_SCANNED = (
    10_000  # waiting jobs that are compared with a new one; beyond them a doubled job costs a look at nothing new
)
_POLL_SECONDS = 0.2
_TICK_SECONDS = 1.0
_BUSY_SECONDS = 5.0
_PAUSE_SECONDS = 2.0  # after the storage failed


def open_queue(url: str, folder: Path, clock: Callable[[], float] = time.time) -> JobQueue:
    """The queue of a ``redis://`` URL, or the file ``jobs.sqlite3`` in ``folder`` where the URL is empty.

    Raises:
        SetupError: the file cannot be used; or as ``ml_backend.jobs.redis_connection.connect``.
    """
    return _on_redis(url, clock) if url else _in_file(folder / "jobs.sqlite3", clock)


class JobQueue:
    """Jobs that wait, each once. Thread-safe; any number of processes may use the same file or Redis.

    ``storage`` is one of huey's, ``failures`` what it raises when it cannot be reached, ``clock`` says seconds since 1970.
    """

    def __init__(
        self,
        storage: Any,
        failures: tuple[type[Exception], ...],
        close: Callable[[], object],
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._failures = failures
        self._close = close
        self._clock = clock
        self._adding = threading.Lock()

    def enqueue(self, kind: str, identity: int, delay: float = 0.0) -> bool:
        """Put a job in, to be run in ``delay`` seconds; False, and nothing done, when the same job waits, however long.

        A job that runs does not wait any more, so it can be put in again. Two processes at the same moment may double one.

        Raises:
            StoreError: the file or Redis cannot be written.
        """
        job = Job(kind, identity)
        message = encode(job)
        with self._adding:
            if job in self.waiting():
                return False
            with self._reached():
                if delay > 0:
                    self._storage.add_to_schedule(message, _moment(self._clock() + delay))
                else:
                    self._storage.enqueue(message)
        return True

    def waiting(self) -> list[Job]:
        """The jobs that wait, those that are due first.

        Raises:
            StoreError: the file or Redis cannot be read.
        """
        with self._reached():
            messages = self._storage.enqueued_items(_SCANNED) + self._storage.scheduled_items(_SCANNED)
        return [job for message in messages if (job := decode(message))]

    def run(self, handlers: Mapping[str, Handler], threads: int, stop: threading.Event) -> None:
        """Run jobs in ``threads`` threads until ``stop`` is set; then no job is begun, and those that run are waited for.

        A handler that raises is logged; its job is not run again by itself. A storage that fails is tried again.
        """
        workers = [
            threading.Thread(target=self._work, args=(handlers, stop), name=f"jobs-{number}")
            for number in range(threads)
        ]
        for worker in workers:
            worker.start()
        try:
            while not stop.is_set():
                with self._patience(stop):
                    self._release_due()
                stop.wait(_TICK_SECONDS)
        finally:
            stop.set()  # where Ctrl-C ended the wait
            for worker in workers:
                worker.join()

    def close(self) -> None:
        """Let the file or the connections go."""
        self._close()

    def _release_due(self) -> None:
        if self._storage.schedule_size():  # reading the schedule locks the whole file, looking at it does not
            for message in self._storage.read_schedule(_moment(self._clock())):
                self._storage.enqueue(message)

    def _work(self, handlers: Mapping[str, Handler], stop: threading.Event) -> None:
        while not stop.is_set():
            with self._patience(stop):
                message = self._storage.dequeue()
                if message is None:
                    if not self._storage.blocking:
                        stop.wait(_POLL_SECONDS)
                elif stop.is_set():
                    self._storage.enqueue(message)  # set while Redis was waited for: for the next one
                else:
                    _perform(message, handlers)

    @contextmanager
    def _patience(self, stop: threading.Event) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever it is, a worker that stops working helps nobody
            log.warning("The queue of jobs cannot be reached (%r); trying again in %g s.", error, _PAUSE_SECONDS)
            stop.wait(_PAUSE_SECONDS)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            raise StoreError("queue_failed", f"The queue of jobs cannot be reached: {error}.") from None


def _perform(message: object, handlers: Mapping[str, Handler]) -> None:
    job = decode(message)
    if job is None:
        log.error("A message in the queue of jobs that is no job of docloop was dropped.")
    elif job.kind not in handlers:
        log.error("A job %r was dropped; this worker knows: %s.", job.kind, ", ".join(sorted(handlers)))
    else:
        try:
            handlers[job.kind](job.identity)
        except (Exception, SystemExit):
            log.exception("The job %s %d failed.", *job)


def _moment(seconds: float) -> datetime:
    """huey's Redis storage reads the local wall clock of it, its SQLite storage the moment; local and aware, both are right."""
    return datetime.fromtimestamp(seconds, UTC).astimezone()


def _in_file(path: Path, clock: Callable[[], float]) -> JobQueue:
    from huey.storage import SqliteStorage

    try:
        make_private(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))  # SQLite gives its side files the mode of this one
        path.chmod(0o600)
        storage = SqliteStorage(_NAME, str(path), timeout=_BUSY_SECONDS, strict_fifo=True)
        storage.queue_size()
    except (OSError, sqlite3.Error) as error:
        raise SetupError(
            "jobs_file_unusable",
            f"The file of waiting jobs, {path}, cannot be used: {error}.",
            "Is the folder ours? The file may be deleted while docloop is stopped: what has to be done is found again.",
        ) from None
    return JobQueue(storage, (sqlite3.Error,), storage.close, clock)


def _on_redis(url: str, clock: Callable[[], float]) -> JobQueue:
    from ml_backend.jobs.redis_connection import connect

    client = connect(url)
    from huey.storage import RedisStorage
    from redis import RedisError

    storage = RedisStorage(_NAME, connection_pool=client.connection_pool)
    return JobQueue(storage, (RedisError,), client.close, clock)
