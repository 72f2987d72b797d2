"""The registry of a training process, which has no key to the bucket: what it makes lies here, and its parent sends it.

The process writes a version into the folder as always, leaves a wish beside it (``.wish-publish``, ``.wish-activate``) and waits
until that is granted: so a run that says it succeeded has its version on all machines. ``SharedRegistry.follow`` of any process
with the key grants wishes. A wish is renewed while who made it lives, and is nothing any more some seconds later: a run that was
cancelled or given to another promotes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ml_backend.errors import ModelRejected, StorageError
from ml_backend.models.manifest import Manifest, check_project, check_version
from ml_backend.models.pointer import BASELINE
from ml_backend.models.registry import ModelRegistry
from ml_backend.models.version_files import read_small

PUBLISH, ACTIVATE = "publish", "activate"
PATIENCE = 3600.0  # seconds that a bucket may be away; then the run fails, and its next attempt finds the version made
_WISH, _REFUSED = ".wish-", ".refused-"
_POLL = 0.2
_ALIVE = 10.0  # seconds since it was renewed
_LONGEST = 500  # characters of a version's name, or of the reason why not


@dataclass(frozen=True, slots=True)
class Wish:
    """``what`` is to be done with a version of a project."""

    project_uid: str
    what: str
    version: str
    path: Path

    def granted(self) -> None:
        self.path.unlink(missing_ok=True)

    def refused(self, reason: str) -> None:
        """Say for good that it cannot be."""
        (self.path.parent / f"{_REFUSED}{self.what}").write_text(reason[:_LONGEST], "utf-8")
        self.granted()


class Outbox(ModelRegistry):
    """Versions go into the folder, and to all machines by the hands of another process."""

    def __init__(self, folder: Path, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(folder)
        self._patience = patience
        self._sleep = sleep

    def publish(self, project_uid: str, manifest: Manifest, write: Callable[[Path], None]) -> Manifest:
        """As in a folder; returns when the bucket has it. Raises StorageError after an hour, and the version stays here."""
        made = super().publish(project_uid, manifest, write)
        self._wish(project_uid, PUBLISH, made.version)
        return made

    def activate(self, project_uid: str, version: str) -> None:
        if version != BASELINE:
            self.get(project_uid, version)
        self._wish(project_uid, ACTIVATE, version)

    def _wish(self, project_uid: str, what: str, version: str) -> None:
        project = self._folder / check_project(project_uid)
        path, refused = project / f"{_WISH}{what}", project / f"{_REFUSED}{what}"
        refused.unlink(missing_ok=True)
        _leave(path, version)
        ends, renewed = time.monotonic() + self._patience, time.time()
        try:
            while time.monotonic() < ends:
                try:
                    os.utime(path)
                except FileNotFoundError:
                    if refused.exists():
                        said = read_small(refused, 4 * _LONGEST).decode("utf-8", "replace")
                        raise ModelRejected("model_not_sent", said) from None
                    if time.time() - renewed < _ALIVE / 2:
                        return
                    _leave(path, version)  # we slept: it was granted, or cleared away as a dead one's
                renewed = time.time()
                self._sleep(_POLL)
        finally:
            path.unlink(missing_ok=True)
            refused.unlink(missing_ok=True)
        raise StorageError(
            "storage_away", f"The storage did not take {version} within {self._patience / 60:.0f} minutes."
        )


def _leave(path: Path, version: str) -> None:
    aside = path.with_name(path.name.replace(_WISH, ".wishing-"))
    aside.write_text(version, "utf-8")
    os.replace(aside, path)


def wishes(folder: Path) -> Iterator[Wish]:
    """The wishes of the processes that live, in a registry's folder; those of others are cleared away."""
    for path in sorted(
        folder.glob(f"*.*/{_WISH}*"), key=lambda path: path.name, reverse=True
    ):  # publish, then activate
        what = path.name.removeprefix(_WISH)
        with suppress(OSError, ModelRejected):
            if time.time() - path.stat().st_mtime > _ALIVE or what not in (PUBLISH, ACTIVATE):
                path.unlink()
                continue
            version = read_small(path, _LONGEST).decode("utf-8", "replace")
            if version != BASELINE:
                check_version(version)
            yield Wish(check_project(path.parent.name), what, version, path)
