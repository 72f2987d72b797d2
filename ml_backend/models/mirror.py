"""A registry's folder as the copy of a bucket: what is on the shelf is brought here, verified, and put in its place.

Of each version the manifest is here; its files are here if it serves, served before, was made here, or was asked for in the last
day. So a list of versions costs nothing, and a disk does not fill with versions of last year. ``follow`` of ``SharedRegistry``
says when to look; what is sent to the bucket is its affair too.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import MANIFEST, MAX_MANIFEST, Manifest, check_file, check_project
from ml_backend.models.pointer import BASELINE, POINTER, Pointer
from ml_backend.models.registry import ASIDE, LOCK_SECONDS, PATIENCE, ModelRegistry, remove, shared
from ml_backend.models.shelf import MAX_VERSION, Shelf, file_digest
from ml_backend.models.version_files import read_small, verify, write_file
from ml_backend.storage import Bucket

log = logging.getLogger(__name__)

UNUSED = 86_400.0  # seconds after which the files of a version that does not serve leave this machine
REWRITTEN = ".rewritten-"  # beside a version that was rewritten here, until the bucket has it
_AGAIN = 30.0  # seconds until what was refused or missing is tried again


class Mirror(ModelRegistry):
    """The folder's side of a registry with a bucket. ``clock`` counts seconds."""

    def __init__(self, folder: Path, bucket: Bucket, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(folder)
        self._shelf = Shelf(bucket)
        self._clock = clock
        self._marks: dict[tuple[str, str], str] = {}  # (project, version) -> the mark of the manifest that is here
        self._again: dict[str, float] = {}  # project -> when what was refused is tried again
        self._busy = threading.local()

    def _sync(self, uid: str, warm: bool = False, patience: float = LOCK_SECONDS) -> list[str]:
        """Make a project's folder like the bucket; the versions that the bucket lacks. ``warm``: what may serve next comes, too.

        What in the bucket is not what it should be is logged, passed over, and tried again.

        Raises:
            StorageError, OSError: the bucket or the disk refuses; what is here stays as it is.
        """
        project, refused = self._folder / check_project(uid), list[ModelRejected]()
        try:
            head = self._shelf.head(uid)
        except ModelRejected as error:
            head = None
            refused.append(error)
        if head is None and not project.is_dir():
            return []
        if head is not None and head.gone:
            if project.is_dir():
                ModelRegistry.forget(self, uid)
            return []
        with self._quietly(), self._changing(uid, patience):
            self._clear(project)
            lacking = self._take_manifests(project, refused)
            if head is not None:
                self._take_pointer(project, head.pointer, warm, refused)
        if refused:
            self._again[uid] = self._clock() + _AGAIN
            log.error("project %s: %s", uid, refused[0])
        return lacking

    def _take_manifests(self, project: Path, refused: list[ModelRejected]) -> list[str]:
        there = self._shelf.manifests(project.name)
        for version, mark in there.items():
            known = self._marks.get((project.name, version)) == mark and (project / version / MANIFEST).is_file()
            if known or (project / f"{REWRITTEN}{version}").exists():
                continue
            try:
                found = self._shelf.manifest(project.name, version)
                if found and found[1] != manifest_text(project / version):
                    self._place(project, *found, files=not is_stub(project / version))
                self._marks[project.name, version] = mark
            except ModelRejected as error:
                refused.append(error)
        here = [each.version for each in self._manifests(project.name) if not is_stub(project / each.version)]
        return [each for each in here if each not in there or (project / f"{REWRITTEN}{each}").exists()]

    def _take_pointer(self, project: Path, pointer: Pointer, warm: bool, refused: list[ModelRejected]) -> None:
        """The bucket's pointer becomes ours once what it names is here, or was refused: then ``best`` says so. A machine that
        has none yet has nothing better to serve meanwhile."""
        if not (project / POINTER).exists() and not warm:
            self._point_here(project, pointer)
            return
        for version in (pointer.version, *(pointer.history[-1:] if warm else ())):
            try:
                if version != BASELINE and is_stub(project / version):
                    self._fetch(project, version)
            except ModelRejected as error:
                refused.append(error)
            if version == pointer.version and self._pointer_here(project.name)[0] != pointer:
                self._point_here(project, pointer)

    def _bring(self, uid: str, version: str) -> tuple[Manifest, Path]:
        """A version out of the bucket, in the place of what is here of it."""
        patience = LOCK_SECONDS if getattr(self._busy, "now", False) else PATIENCE
        with self._quietly(), self._changing(uid, patience) as project:
            self._fetch(project, version)
        return self._whole(uid, version)

    def _fetch(self, project: Path, version: str) -> None:
        found = self._shelf.manifest(project.name, version)
        if found is None:
            raise ModelRejected(
                "model_missing", f"There is no version {version} of this project.", "docloop versions lists them."
            )
        self._place(project, *found, files=True)

    def _place(self, project: Path, manifest: Manifest, text: bytes, files: bool) -> None:
        """Put a version of the bucket here: aside, verified, renamed. Without its ``files`` it is a line in a list."""
        room = Path(tempfile.mkdtemp(prefix=ASIDE, dir=project))
        aside, left = room / manifest.version, MAX_VERSION
        try:
            aside.mkdir()
            for name, digest in sorted(manifest.files.items()) if files else ():
                target = aside / check_file(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not _is_the_same(project / manifest.version / name, digest, target):
                    left -= self._shelf.fetch(project.name, manifest, name, target, left)
            write_file(aside / MANIFEST, text)
            if files:
                verify(aside, manifest.files)
            self._put_in_place(project, aside, manifest.version)
        finally:
            remove(room)
            self._clear(project)

    def _drop_unused(self, project: Path) -> None:
        """Let go of the files of versions that the bucket has, and that neither serve nor served before."""
        pointer = self._pointer_here(project.name)[0]
        for manifest in self._manifests(project.name):
            folder, known = project / manifest.version, (project.name, manifest.version) in self._marks
            if not known or manifest.version in (pointer.version, *pointer.history[-1:]) or is_stub(folder):
                continue
            if (project / f"{REWRITTEN}{manifest.version}").exists() or time.time() - folder.stat().st_mtime < UNUSED:
                continue
            with self._quietly(), self._changing(project.name):
                self._place(project, manifest, manifest_text(folder), files=False)

    # What the folder says, whatever the bucket would.

    def _manifests(self, uid: str) -> list[Manifest]:
        return ModelRegistry.versions(self, uid)

    def _pointer_here(self, uid: str) -> tuple[Pointer, str]:
        return ModelRegistry._pointer(self, uid)

    def _point_here(self, project: Path, pointer: Pointer) -> None:
        ModelRegistry._point(self, project, pointer)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Nothing in here asks the bucket by itself: it holds a lock, and has asked."""
        before, self._busy.now = getattr(self._busy, "now", False), True
        try:
            yield
        finally:
            self._busy.now = before


def manifest_text(folder: Path) -> bytes:
    """The manifest as it lies in a version's folder; empty where there is none."""
    with suppress(FileNotFoundError, ModelRejected):
        return read_small(folder / MANIFEST, MAX_MANIFEST)
    return b""


def is_stub(folder: Path) -> bool:
    """Whether of a version only the manifest is here, or nothing."""
    return not folder.is_dir() or os.listdir(folder) in ([], [MANIFEST])


def _is_the_same(here: Path, digest: str, target: Path) -> bool:
    """Whether ``target`` is the file ``here`` now, since that has this hash: what a rewriting left as it was is not brought."""
    try:
        if here.is_symlink() or not here.is_file() or file_digest(here) != digest:
            return False
        shared(os.fspath(here), os.fspath(target))
    except (OSError, shutil.Error):
        target.unlink(missing_ok=True)
        return False
    return True
