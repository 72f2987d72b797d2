"""Model versions that several machines have: a bucket holds them, and the folder of a ``ModelRegistry`` is this machine's copy.

    publish, rewrite    here first, then into the bucket; what the bucket lacks is sent as soon as it answers
    activate, rollback  the bucket's pointer first, then ours: at every moment there is one, and it is whole
    get, best           from the folder; what is not there, or is damaged, is brought from the bucket aside, verified, renamed
    follow              every two seconds: one listing says what has changed, and the folder is made like the bucket

No question waits for the bucket once its project is followed: the pointer here moves when the version that it names is here and
verified. While the bucket is away, what is here serves; ``fault`` says since when and why. Changes hold ``lock``, one of all
machines; should it be lost half-way, each step still leaves whole versions, since files are named by their content and heads and
manifests are replaced at one moment.

A version that the bucket has lost is sent again, never deleted here: only the word that a project is gone deletes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from ml_backend.errors import DocloopError, ModelRejected, StorageError
from ml_backend.models.manifest import Manifest, check_project, check_version
from ml_backend.models.mirror import REWRITTEN, Mirror, manifest_text
from ml_backend.models.outbox import ACTIVATE, Wish, wishes
from ml_backend.models.pointer import BASELINE, Pointer
from ml_backend.models.registry import PATIENCE, Best
from ml_backend.models.shelf import Head
from ml_backend.storage import Bucket

log = logging.getLogger(__name__)

Lock = Callable[[str], AbstractContextManager[None]]
"""Held by one process of all machines at a time; raises DocloopError where it cannot be had."""

EVERY = 2.0  # seconds between questions to the bucket
_AGAIN = 30.0  # seconds until what was refused or missing is tried again
_HOUR = 3600.0


class SharedRegistry(Mirror):
    """Safe for threads and processes of any number of machines, with one ``bucket`` and ``lock``, and a ``folder`` for each."""

    def __init__(
        self,
        folder: Path,
        bucket: Bucket,
        lock: Lock,
        clock: Callable[[], float] = time.monotonic,
        every: float = EVERY,
    ) -> None:
        super().__init__(folder, bucket, clock)
        self._lock = lock
        self._every = every
        self._asked: dict[str, float] = {}  # project -> when the bucket was asked for it last
        self._seen: dict[str, str] = {}  # project -> the mark of its head when it was followed to its end
        self._next_drop = clock() + _HOUR
        self._away_until = 0.0
        self._asking = threading.Lock()
        self._followed = False

    # -- changes: the lock, the bucket's state, the change here and there ----------------------------------------------

    def publish(self, project_uid: str, manifest: Manifest, write: Callable[[Path], None]) -> Manifest:
        """As in a folder. A bucket that is away raises StorageError: the version is kept here then, and sent later."""
        version = check_version(manifest.version)
        with self._changes(project_uid):
            try:
                made = self.get(project_uid, version)[0]
            except ModelRejected:
                made = super().publish(project_uid, manifest, write)
            if self._rests():
                raise StorageError(
                    "storage_away", self.fault, "The version is kept, and sent when the storage answers."
                )
            if not self._is_sent(project_uid, version):
                self._send(project_uid, version)
            return made

    def rewrite(self, project_uid: str, version: str, edit: Callable[[Path], Mapping[str, Any]]) -> Manifest:
        """As in a folder; other machines follow. What the bucket had before is deleted there."""
        with self._changes(project_uid):
            self._sync(project_uid)
            self.get(project_uid, version)
            mark = self._folder / project_uid / f"{REWRITTEN}{version}"
            mark.touch()  # it stays until the bucket has what is here
            made = super().rewrite(project_uid, version, edit)
            self._send(project_uid, version)
            return made

    def discard(self, project_uid: str, version: str) -> str:
        """As in a folder, and in the bucket. A version that the bucket has whole is brought, and stays."""
        with self._changes(project_uid):
            self._sync(project_uid)
            with suppress(ModelRejected):
                self._bring(project_uid, version)
            fault = super().discard(project_uid, version)
            if fault:
                self._shelf.drop(project_uid, version)
                self._shelf.put_head(project_uid, Head(self._pointer_here(project_uid)[0]))
            return fault

    def activate(self, project_uid: str, version: str) -> None:
        with self._changes(project_uid):
            self._level(project_uid)
            super().activate(project_uid, version)

    def rollback(self, project_uid: str) -> str:
        with self._changes(project_uid):
            self._level(project_uid)
            for version in reversed(self._pointer(project_uid)[0].history):
                with suppress(ModelRejected):  # passed over, as one that is damaged here
                    if version != BASELINE:
                        self.get(project_uid, version)
                    break
            return super().rollback(project_uid)

    def forget(self, project_uid: str) -> bool:
        """As in a folder, and in the bucket; other machines follow."""
        here = (self._folder / check_project(project_uid)).is_dir()
        if not here and not self._shelf.has(project_uid):
            return False
        with self._changes(project_uid):
            there = self._shelf.forget(project_uid)
            return super().forget(project_uid) or there

    def copy(self, project_uid: str) -> None:
        """Bring all that the bucket has of a project, for a backup; what is damaged there serves nobody, and is passed over.

        Raises:
            StorageError, OSError: the bucket or the disk refuses; the copy is not whole then.
        """
        self._sync(project_uid)
        for manifest in self._manifests(project_uid):
            with suppress(ModelRejected):
                self._bring(project_uid, manifest.version)

    def send_all(self) -> None:
        """Send what a backup has brought into the folder, but what is damaged; also where the bucket says that a project is gone.

        Raises:
            StorageError, StoreError: bucket or lock cannot be had.
        """
        for uid in super().projects():
            with self._changes(uid):
                with suppress(ModelRejected):  # a damaged head is replaced when a version is sent
                    if (head := self._shelf.head(uid)) is not None and head.gone:
                        self._shelf.put_head(uid, Head(self._pointer_here(uid)[0]))
                for version in self._sync(uid):
                    with suppress(ModelRejected):
                        self._send(uid, version)

    # -- questions -----------------------------------------------------------------------------------------------------

    def get(self, project_uid: str, version: str) -> tuple[Manifest, Path]:
        self._ask(project_uid)
        try:
            return super().get(project_uid, version)
        except ModelRejected as refused:
            try:
                if self._rests():
                    raise StorageError("storage_away", self.fault) from None
                return self._bring(project_uid, version)
            except StorageError as error:
                self._tell(error)
                said = f"{refused.message} It cannot be brought: {error.message}"
                raise ModelRejected("model_away", said, error.fix) from None
            except OSError:
                raise refused from None

    def projects(self) -> list[str]:
        """As in a folder, and of all machines. Raises StorageError when the bucket does not answer."""
        return sorted({*super().projects(), *self._shelf.marks()})

    def versions(self, project_uid: str) -> list[Manifest]:
        self._ask(project_uid)
        return super().versions(project_uid)

    def best(self, project_uid: str) -> Best:
        self._ask(project_uid)
        return super().best(project_uid)

    def tidy(self) -> None:
        super().tidy()
        if self._clock() < self._next_drop:
            return
        self._next_drop = self._clock() + _HOUR
        for project in self._folder.glob("*.*"):
            with suppress(OSError):
                self._drop_unused(project)

    def _pointer(self, project_uid: str) -> tuple[Pointer, str]:
        self._ask(project_uid)
        return super()._pointer(project_uid)

    def _point(self, project: Path, pointer: Pointer) -> None:
        self._shelf.put_head(project.name, Head(pointer))
        super()._point(project, pointer)

    def _ask(self, project_uid: str) -> None:
        """Make the folder like the bucket before the first answer about a project; then ``follow`` does, where it runs."""
        last = self._asked.get(project_uid)
        if getattr(self._busy, "now", False) or (last is not None and (self._followed or self._is_fresh(last))):
            return
        with self._asking:
            if self._asked.get(project_uid) != last:
                return  # another thread has just done it
            self._asked[project_uid] = self._clock()
            try:
                if not self._rests():
                    self._sync(check_project(project_uid), patience=PATIENCE)
                    self._tell(None)
            except StorageError as error:
                self._tell(error)
            except (ModelRejected, OSError):
                return  # no project, or another process brings something just now: the folder answers

    def _rests(self) -> bool:
        """Whether the bucket was away just now: nobody waits for it twice, and nobody at all where a thread follows it."""
        return bool(self.fault) and (self._followed or self._clock() < self._away_until)

    def _is_fresh(self, last: float) -> bool:
        return self._clock() - last < self._every

    # -- following -----------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Make all projects here like the bucket, and send what it lacks. To be called every two seconds; never raises."""
        self._followed = True
        for wish in wishes(self._folder):
            self._grant(wish)
        try:
            marks = self._shelf.marks()
            self._tell(None)
        except StorageError as error:
            self._tell(error)
            return
        here = {path.name for path in self._folder.glob("*.*")}
        for uid in sorted(here.union(list(self._asked))):
            due = self._clock() >= self._again.get(uid, float("inf"))
            if uid in here | marks.keys() and (due or self._seen.get(uid, "none yet") != marks.get(uid, "")):
                self._follow_one(uid, marks.get(uid, ""))

    def _grant(self, wish: Wish) -> None:
        """What a training process asks for; one that cannot be granted just now is asked for again."""
        try:
            if wish.what == ACTIVATE:
                self.activate(wish.project_uid, wish.version)
            else:
                with self._changes(wish.project_uid):
                    if not self._is_sent(wish.project_uid, wish.version):
                        self._send(wish.project_uid, wish.version)
            wish.granted()
        except ModelRejected as error:
            wish.refused(str(error))
        except (DocloopError, OSError) as error:
            log.warning("%s of project %s is not sent yet: %s", wish.version, wish.project_uid, error)

    def _follow_one(self, uid: str, mark: str) -> None:
        try:
            self._again.pop(uid, None)
            if self._sync(uid, warm=True):
                with self._changes(uid):
                    self._level(uid)
            self._seen[uid] = mark
        except (DocloopError, OSError) as error:
            self._again[uid] = self._clock() + (self._every if isinstance(error, StorageError) else _AGAIN)
            self._seen[uid] = mark
            log.warning("models of project %s do not follow the storage: %s", uid, error)

    # -- sending -------------------------------------------------------------------------------------------------------

    def _level(self, uid: str) -> None:
        """Make folder and bucket the same, both ways. Under the lock."""
        for version in self._sync(uid):
            self._send(uid, version)
        self._tell(None)

    def _is_sent(self, uid: str, version: str) -> bool:
        try:
            found = self._shelf.manifest(uid, version)
        except ModelRejected:
            return False
        return found is not None and found[1] == manifest_text(self._folder / uid / version)

    def _send(self, uid: str, version: str) -> None:
        """Store a version that is whole here, and tell all machines. Under the lock."""
        manifest, folder = self._whole(uid, version)
        mark = folder.parent / f"{REWRITTEN}{version}"
        try:
            head = self._shelf.head(uid)
        except ModelRejected:
            head = None
        self._shelf.put(uid, manifest, folder, rewritten=mark.exists())
        self._shelf.sweep(uid, version)
        self._shelf.put_head(uid, Head(head.pointer if head else self._pointer_here(uid)[0]))
        mark.unlink(missing_ok=True)

    # -- locks and faults ----------------------------------------------------------------------------------------------

    @contextmanager
    def _changes(self, uid: str) -> Iterator[None]:
        """For one writer of all machines at a time. What fails is compared again at the next turn of ``follow``."""
        try:
            with self._lock(f"{self._folder.name}-{check_project(uid)}"), self._quietly():
                yield
        except BaseException:
            self._again[uid] = self._clock()
            raise

    def _tell(self, error: Exception | None) -> None:
        if error is None:
            if self.fault:
                log.warning("the storage answers again")
            self.fault, self.fault_since = "", 0.0
            return
        said = error.message if isinstance(error, DocloopError) else f"{type(error).__name__} on this machine's disk"
        if not self.fault:
            log.warning("models are served as they are here: %s", said)
        self.fault, self.fault_since = said, self.fault_since or time.time()
        self._away_until = self._clock() + 5 * self._every
