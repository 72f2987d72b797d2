"""Hints that a project changed: one empty file a project, however many webhooks came.

A hint says *look*, never *what*: whoever takes it compares what is with what should be. So doubled, lost and reordered webhooks
change nothing, and leaving one costs a file's time stamp, no database. A request to train is a command, not a hint: it is on disk
before it is acknowledged.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class Hints:
    """The hints of one data folder, shared by all processes on this machine."""

    def __init__(self, folder: Path) -> None:
        self._changed = folder / "changed"
        self._taken = folder / "taken"
        self._training = folder / "train"
        for path in (self._changed, self._taken, self._training):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def leave(self, project_id: int) -> None:
        """Say that a project changed. Many times before anybody looks is once."""
        (self._changed / str(project_id)).touch()

    def take(self) -> list[int]:
        """The projects that changed since they were last taken, each once. A hint left from now on is there the next time."""
        taken = []
        for path in self._changed.iterdir():
            with suppress(FileNotFoundError):  # another process took it just now
                if path.name.isdigit():
                    path.replace(self._taken / path.name)
                    taken.append(int(path.name))
        return sorted(taken)

    def finish(self, project_id: int) -> None:
        """What a taken hint asked for is done."""
        (self._taken / str(project_id)).unlink(missing_ok=True)

    def recover(self) -> None:
        """Put back what was taken and never finished, by a process that was killed. For the one who takes, at its start."""
        for path in self._taken.iterdir():
            path.replace(self._changed / path.name)

    def request_training(self, project_id: int) -> None:
        """Keep a request to train; it survives a crash from the moment this returns."""
        path = self._training / str(project_id)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder = os.open(self._training, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name is in the folder, and only this makes the folder durable
        finally:
            os.close(folder)

    def training_requests(self) -> list[int]:
        """Projects that asked to train and were not answered yet."""
        return sorted(int(path.name) for path in self._training.iterdir() if path.name.isdigit())
