"""The queue in a SQLite file: the contract, and what only a file has."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from waiting import until

from contracts.job_queue_contract import Clock, JobQueueContract, Seen, running
from ml_backend.errors import SetupError, StoreError
from ml_backend.jobs.queue import JobQueue, open_queue


class TestQueueInAFile(JobQueueContract):
    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Callable[[Clock], JobQueue]]:
        queues: list[JobQueue] = []

        def opened(clock: Clock) -> JobQueue:
            queues.append(open_queue("", tmp_path, clock))
            return queues[-1]

        yield opened
        for queue in queues:
            queue.close()

    @pytest.fixture
    def put_raw(self, tmp_path: Path) -> Callable[[bytes], None]:
        def put_raw(message: bytes) -> None:
            with closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as file, file:
                file.execute("insert into task (queue, data) values ('docloop', ?)", [message])

        return put_raw


def test_only_we_can_read_the_file_and_its_side_files(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite3").touch(0o644)
    with closing(open_queue("", tmp_path)) as queue:
        queue.enqueue("look", 7)
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("jobs.sqlite3", "jobs.sqlite3-wal", "jobs.sqlite3-shm"), "0o600")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite3").write_bytes(b"not a database, " * 100)
    with pytest.raises(SetupError) as caught:
        open_queue("", tmp_path)
    assert caught.value.code == "jobs_file_unusable"
    assert (tmp_path / "jobs.sqlite3").read_bytes() == b"not a database, " * 100


def test_a_file_that_breaks_later_is_told_and_a_worker_goes_on_when_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ml_backend.jobs.queue._PAUSE_SECONDS", 0.05)
    look = Seen()
    with closing(open_queue("", tmp_path)) as queue, closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as file:
        queue.enqueue("look", 7)
        file.execute("alter table task rename to gone")
        with pytest.raises(StoreError, match="no such table"):
            queue.waiting()
        with running(queue, {"look": look}):
            until(lambda: "trying again" in caplog.text)
            file.execute("alter table gone rename to task")
            until(lambda: look.identities == [7])


def test_threads_that_put_in_the_same_job_put_it_in_once(tmp_path: Path) -> None:
    put_in: list[bool] = []
    with closing(open_queue("", tmp_path)) as queue:
        threads = [threading.Thread(target=lambda: put_in.append(queue.enqueue("look", 7))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(put_in) == [False] * 7 + [True]
