"""What counts as a disturbance is tried again within seconds; everything else waits longer each time."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ml_backend.errors import DocloopError, StoreError
from ml_backend.jobs.hints import FolderHints
from ml_backend.jobs.queue import open_queue
from training.disturbances import disturbance


def queue_without_its_table(folder: Path) -> None:
    with closing(open_queue("", folder)) as queue:
        with closing(sqlite3.connect(folder / "jobs.sqlite3")) as other:
            other.execute("DROP TABLE task")
        queue.enqueue("push", 7)


def redis_that_is_not_there(folder: Path) -> None:
    pytest.importorskip("redis")
    from ml_backend.jobs.redis_hints import RedisHints

    with closing(RedisHints("redis://127.0.0.1:1/0")) as hints:
        hints.leave(7)


def hints_without_their_folder(folder: Path) -> None:
    hints = FolderHints(folder / "hints")
    shutil.rmtree(folder / "hints")
    hints.leave(7)


@pytest.mark.parametrize("work", [queue_without_its_table, redis_that_is_not_there, hints_without_their_folder])
def test_a_queue_and_hints_that_cannot_be_reached_are_no_fault_of_the_work(
    work: Callable[[Path], None], tmp_path: Path
) -> None:
    with pytest.raises(StoreError) as refused:
        work(tmp_path)
    assert disturbance(refused.value)


def test_a_disk_disturbs_and_an_error_of_the_work_does_not() -> None:
    assert disturbance(OSError(errno.ENOSPC, "No space left on device"))
    assert not disturbance(OSError(errno.EACCES, "Permission denied"))
    assert not disturbance(DocloopError("task_changed", "It was changed or deleted meanwhile."))
    assert not disturbance(StoreError("database_refused", "The database refused a statement: DataError."))
