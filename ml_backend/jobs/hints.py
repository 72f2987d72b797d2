"""Hints that a project changed: one a project, however many webhooks came.

A hint says *look*, never *what*: whoever takes it compares what is with what should be. So doubled, lost and reordered webhooks
change nothing. The default keeps one empty file a project, which costs a file's time stamp and no database; Redis keeps them for
many machines (redis_hints.py). A request to train is a command, not a hint: it is in the store.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ml_backend.errors import SetupError, StoreError
from ml_backend.folders import make_private


class Hints(Protocol):
    """Which projects changed. Safe to use from all processes (on Redis: machines) at once.

    Raises:
        StoreError: Redis does not answer, or the disk refuses (any method).
    """

    def leave(self, project_id: int) -> None:
        """Say that a project changed. Many times before anybody looks is once."""

    def take(self) -> list[int]:
        """The projects that changed since they were last taken, ascending. A hint left from now on is there the next time."""

    def finish(self, project_id: int) -> None:
        """What a taken hint asked for is done."""

    def recover(self) -> None:
        """Put back what was taken and never finished, by a worker that was killed. For who takes, at its start and at times."""

    def close(self) -> None:
        """Let connections go."""


def open_hints(url: str, folder: Path) -> Hints:
    """The hints of a ``redis://`` URL, or those of ``folder`` where the URL is empty. A Redis need not answer yet; what it does
    not take at once waits in the folder.

    Raises:
        SetupError: the folder cannot be used; or as ``ml_backend.jobs.redis_connection.client_of``.
    """
    try:
        if not url:
            return FolderHints(folder)
        from ml_backend.jobs.redis_hints import RedisHints
        from ml_backend.jobs.relayed_hints import RelayedHints

        return RelayedHints(RedisHints(url), folder)
    except OSError as error:
        raise SetupError(
            "hints_folder_unusable",
            f"Hints cannot be kept in {folder} ({error.strerror}).",
            "Is the folder ours, and is there room on its disk?",
        ) from None


class FolderHints:
    """The hints of one data folder. One worker at a time takes them: what was taken before this object was made is abandoned."""

    def __init__(self, folder: Path) -> None:
        self._made_at = time.time()
        self._changed = folder / "changed"
        self._taken = folder / "taken"
        for path in (self._changed, self._taken):
            make_private(path)

    def leave(self, project_id: int) -> None:
        try:
            (self._changed / str(project_id)).touch()
        except OSError as error:
            raise StoreError("hint_not_kept", f"The disk took no hint: {error.strerror}.") from None

    def take(self) -> list[int]:
        taken = []
        for path in _hints(self._changed):
            with suppress(FileNotFoundError):  # another process took it just now
                held = path.replace(self._taken / path.name)
                taken.append(int(path.name))
                os.utime(held)  # now: when it was taken, not when it was left
        return sorted(taken)

    def finish(self, project_id: int) -> None:
        (self._taken / str(project_id)).unlink(missing_ok=True)

    def recover(self) -> None:
        for path in _hints(self._taken):
            with suppress(FileNotFoundError):  # finished just now
                if path.stat().st_mtime < self._made_at:
                    path.replace(self._changed / path.name)

    def close(self) -> None:
        """Nothing is held open."""


def _hints(folder: Path) -> list[Path]:
    """The files that are named by a project's number; a system's own files are left alone."""
    return [path for path in folder.iterdir() if path.name.isascii() and path.name.isdigit()]
