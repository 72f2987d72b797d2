"""Model versions on disk: immutable folders, and one pointer a project to the version that serves.

    <folder>/<project uid>/<version>/   manifest.json and the model's files, never changed after the rename, but by ``rewrite``
    <folder>/<project uid>/ACTIVE       {version, history} and its own hash; ACTIVE.copy is the same, should a bit of it flip
    <folder>/<project uid>/.aside-*     what a killed publish left; the next one clears it

A version appears whole or not at all: it is written aside, every file and folder is brought to the disk, then one rename. What
``get`` and ``best`` give was checked file by file at that moment. The empty version "" is the keyword baseline, version 0, which
has no files and is always there. How a model is made from the files belongs to its own package.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from cachetools import TTLCache
from filelock import FileLock

from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import (
    MANIFEST,
    MAX_MANIFEST,
    Manifest,
    check_project,
    check_version,
    manifest_from_bytes,
    manifest_to_bytes,
)
from ml_backend.models.pointer import BASELINE, COPY, HISTORY, POINTER, Pointer, pointer_in, write_pointer
from ml_backend.models.version_files import (
    UNREADABLE,
    hashes,
    read_small,
    stamp,
    sync_files,
    sync_folder,
    sync_folders,
    verify,
    write_file,
)

ASIDE = ".aside-"
_WAS = f"{ASIDE}was-"  # what a version was before it was rewritten
_LOCK = ".lock"
LOCK_SECONDS = 60.0
_LATELY = 60.0  # seconds
_PROJECTS = 1024
PATIENCE = 5.0  # seconds that a reader waits, since Label Studio waits for the answer


@dataclass(frozen=True, slots=True)
class Best:
    """The version to serve; the baseline "" has no manifest and no folder.

    ``reason`` says why it is not the active one: sentences for an admin, or empty.
    """

    version: str
    manifest: Manifest | None = None
    folder: Path | None = None
    reason: str = ""


class ModelRegistry:
    """The versions of all projects below ``folder``. Any number of threads and processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.fault, self.fault_since = "", 0.0  # why a bucket behind the folder does not answer, and since when (UTC)
        self._lately: TTLCache[str, tuple[object, Best]] = TTLCache(_PROJECTS, _LATELY)
        self._reading = Lock()

    def publish(self, project_uid: str, manifest: Manifest, write: Callable[[Path], None]) -> Manifest:
        """Make a version of what ``write`` puts into the folder it is given; the manifest with its hashes comes back.

        A whole version of that name is kept as it is, so a publish may be repeated; a damaged one is replaced.

        Raises:
            ModelRejected: a name is not allowed, or ``write`` left something that is no model file.
            OSError: the disk refused; nothing of the version is there then.
        """
        check_version(manifest.version)
        with self._changing(project_uid) as project:
            self._clear(project)
            target = project / manifest.version
            if _is_there(target):
                try:
                    return self._whole(project_uid, manifest.version)[0]
                except ModelRejected:
                    os.rename(target, project / f"{ASIDE}damaged-{manifest.version}")
            aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=project))
            try:
                write(aside)
                whole = replace(manifest, files=hashes(aside))
                write_file(aside / MANIFEST, manifest_to_bytes(whole))
                self._put_in_place(project, aside, manifest.version)
            finally:
                self._clear(project)
            return whole

    def get(self, project_uid: str, version: str) -> tuple[Manifest, Path]:
        """The manifest and folder of a version, after checking every file. Raises ModelRejected, with what is wrong."""
        try:
            return self._whole(project_uid, version)
        except ModelRejected as refused:
            if not (self._folder / project_uid).is_dir():
                raise
            try:
                with self._changing(project_uid, PATIENCE) as project:
                    # Perhaps it was being put in another's place just now, or whoever did so was killed.
                    self._clear(project)
                    return self._whole(project_uid, version)
            except OSError:  # somebody publishes, or the folder cannot be written
                raise refused from None

    def tidy(self) -> None:
        """Take away what killed publishers have left, for all projects: it may hold texts of documents."""
        for project in self._folder.glob("*.*"):
            with suppress(OSError, ModelRejected):  # it may go just now, or be none; somebody may publish
                if any(name.startswith(ASIDE) for name in os.listdir(project)):
                    with self._changing(project.name, PATIENCE) as place:
                        self._clear(place)

    def _whole(self, project_uid: str, version: str) -> tuple[Manifest, Path]:
        folder = self._folder / check_project(project_uid) / check_version(version)
        manifest = self._manifest(folder)
        verify(folder, manifest.files)
        return manifest, folder

    def rewrite(self, project_uid: str, version: str, edit: Callable[[Path], Mapping[str, Any]]) -> Manifest:
        """Put an edited copy in the place of a version: documents that were deleted must leave its files.

        ``edit`` is given the copy's folder, and what it returns goes into the manifest's settings. Files that it changes it must
        write anew: the others are shared with the version until that is gone. Whoever dies in between leaves the version as it
        was, or the copy.

        Raises:
            ModelRejected: the version does not verify; nothing is changed then.
            OSError: the disk refused; the version is as it was.
        """
        with self._changing(project_uid) as project:
            self._clear(project)
            manifest, target = self._whole(project_uid, version)
            aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=project))
            try:
                shutil.copytree(target, aside, dirs_exist_ok=True, copy_function=shared)
                (aside / MANIFEST).unlink()
                settings = {**manifest.settings, **edit(aside)}
                whole = replace(manifest, settings=settings, files=hashes(aside))
                write_file(aside / MANIFEST, manifest_to_bytes(whole))
                self._put_in_place(project, aside, version)
            finally:
                self._clear(project)
            return whole

    def _put_in_place(self, project: Path, aside: Path, version: str) -> None:
        """Bring a version that was written aside to the disk, and make it the version; one that is there goes."""
        target = project / version
        sync_files(aside)
        sync_folders(aside)
        if _is_there(target):
            os.rename(target, project / f"{_WAS}{version}")
        os.rename(aside, target)
        sync_folder(project)

    def discard(self, project_uid: str, version: str) -> str:
        """Delete a version that does not verify, as it can never be served; what was wrong with it, or "" for one that stays.

        Where it was active, the last good one before it is from now on. Whoever dies in between leaves it, or nothing of it.

        Raises:
            ModelRejected: it cannot be read just now, which says nothing of it.
            OSError: the disk refused.
        """
        with self._changing(project_uid) as project:
            self._clear(project)
            target = project / check_version(version)
            try:
                self._whole(project_uid, version)
                return ""
            except ModelRejected as error:
                if error.code == UNREADABLE or not _is_there(target):
                    raise
                fault = error.message
            before = self._pointer(project_uid)[0]
            if version in (before.version, *before.history):
                self._point(project, self._without(project_uid, before, version))
            os.rename(target, project / f"{ASIDE}gone-{version}")
            sync_folder(project)
            self._clear(project)
            return fault

    def _without(self, project_uid: str, pointer: Pointer, version: str) -> Pointer:
        """The pointer once ``version`` is gone."""
        history = [one for one in pointer.history if one != version]
        if pointer.version != version:
            return Pointer(pointer.version, tuple(history))
        while history:
            earlier = history.pop()
            if not self._fault(project_uid, earlier):
                return Pointer(earlier, tuple(history))
        return Pointer()

    def forget(self, project_uid: str) -> bool:
        """Delete all versions of a project that is gone; whether there were any."""
        if not (self._folder / check_project(project_uid)).is_dir():
            return False
        with self._changing(project_uid) as project:
            for path in sorted(project.iterdir(), key=lambda path: path.name != POINTER):  # the pointer first
                if path.name != _LOCK:
                    remove(path)
        shutil.rmtree(project, ignore_errors=True)
        return True

    def projects(self) -> list[str]:
        """The uids of the projects that have versions, or had some."""
        return sorted(path.name for path in self._folder.glob("*.*") if path.is_dir() and not path.name.startswith("."))

    def versions(self, project_uid: str) -> list[Manifest]:
        """What is published, the lowest number first; files are not checked, versions with a broken manifest are left out."""
        found = []
        try:
            names = os.listdir(self._folder / check_project(project_uid))
        except FileNotFoundError:
            return []
        for name in names:
            try:
                found.append(self._manifest(self._folder / project_uid / check_version(name)))
            except ModelRejected:
                continue
        return sorted(found, key=lambda manifest: (manifest.number, manifest.version))

    def broken(self, project_uid: str) -> list[str]:
        """The versions that ``versions`` leaves out: nobody can say what they were made from."""
        found = []
        with suppress(FileNotFoundError):
            for name in sorted(os.listdir(self._folder / check_project(project_uid))):
                try:
                    self._manifest(self._folder / project_uid / check_version(name))
                except ModelRejected as error:
                    if error.code not in ("model_name", UNREADABLE):
                        found.append(name)
        return found

    def active(self, project_uid: str) -> str:
        """The version that the pointer names, "" for the keyword baseline. One small file is read, the version is not checked.

        A pointer that is damaged with its copy counts as the baseline; ``best`` says so.
        """
        return self._pointer(project_uid)[0].version

    def edition(self, project_uid: str, version: str) -> int:
        """Another number when a version was rewritten; 0 where it is not there. Cheap, to be asked for often."""
        try:
            return (self._folder / check_project(project_uid) / check_version(version) / MANIFEST).stat().st_mtime_ns
        except (OSError, ModelRejected):
            return 0

    def history(self, project_uid: str) -> tuple[str, ...]:
        """The versions that were active before, the latest last; those that a rollback took back are not among them."""
        return self._pointer(project_uid)[0].history

    def activate(self, project_uid: str, version: str) -> None:
        """Let ``version`` serve; "" is the baseline. Raises ModelRejected, and changes nothing, if it does not verify."""
        if version != BASELINE:
            self.get(project_uid, version)
        with self._changing(project_uid) as project:
            before = self._pointer(project_uid)[0]
            if before.version != version:
                self._point(project, Pointer(version, (*before.history, before.version)[-HISTORY:]))

    def rollback(self, project_uid: str) -> str:
        """Let the version before serve again, and give its name; earlier ones that are damaged are passed over.

        Raises:
            ModelRejected: there is none before.
        """
        with self._changing(project_uid) as project:
            history = list(self._pointer(project_uid)[0].history)
            while history:
                version = history.pop()
                if not self._fault(project_uid, version):
                    self._point(project, Pointer(version, tuple(history)))
                    return version
        raise ModelRejected("no_earlier_version", "There is no earlier model version to go back to.")

    def best(self, project_uid: str) -> Best:
        """The active version if it verifies, else the newest earlier one that does, else the baseline; never an error."""
        pointer, fault = self._pointer(project_uid)
        reasons = [fault] if fault else []
        for version in dict.fromkeys((pointer.version, *reversed(pointer.history))):
            if version == BASELINE:
                break
            try:
                manifest, folder = self.get(project_uid, version)
            except ModelRejected as error:
                reasons.append(f"{version} is not loaded: {error.message}")
            else:
                return Best(version, manifest, folder, " ".join(reasons))
        return Best(BASELINE, reason=" ".join(reasons))

    def best_lately(self, project_uid: str) -> Best:
        """As ``best``, for who only tells of it: checked anew where a file has changed, and once a minute.

        A layout model has 500 MB, and nobody shall read those at every look at a status.
        """
        pointer = self._pointer(project_uid)
        now = (pointer, stamp(self._folder / project_uid / pointer[0].version) if pointer[0].version else ())
        with self._reading:
            before, best = self._lately.get(project_uid, (None, Best("")))
        if before != now:
            best = self.best(project_uid)
            with self._reading:
                self._lately[project_uid] = (now, best)
        return best

    def _fault(self, project_uid: str, version: str) -> str:
        try:
            if version != BASELINE:
                self._whole(project_uid, version)
        except ModelRejected as error:
            return error.message
        return ""

    def _manifest(self, folder: Path) -> Manifest:
        """The manifest of a version folder that is a real folder and bears the manifest's name."""
        if folder.parent.is_symlink() or folder.is_symlink() or not folder.is_dir():
            raise ModelRejected(
                "model_missing", f"There is no version {folder.name} of this project.", "docloop versions lists them."
            )
        try:
            manifest = manifest_from_bytes(read_small(folder / MANIFEST, MAX_MANIFEST))
        except FileNotFoundError:
            raise ModelRejected("model_file_missing", f"{MANIFEST} is missing from {folder.name}.") from None
        if manifest.version != folder.name:
            raise ModelRejected("model_file_changed", f"{folder.name} holds the manifest of {manifest.version}.")
        return manifest

    @contextmanager
    def _changing(self, project_uid: str, patience: float = LOCK_SECONDS) -> Iterator[Path]:
        """The project's folder, for one writer at a time; the system lets go of the lock when its holder dies."""
        project = self._folder / check_project(project_uid)
        if project.is_symlink():
            raise ModelRejected("model_file_odd", f"The folder of project {project_uid} is a link.")
        project.mkdir(parents=True, exist_ok=True)
        with FileLock(project / _LOCK, timeout=patience):
            yield project

    def _clear(self, project: Path) -> None:
        for name in os.listdir(project):
            if name.startswith(_WAS) and not _is_there(project / name.removeprefix(_WAS)):
                os.rename(
                    project / name, project / name.removeprefix(_WAS)
                )  # whoever rewrote it died between two renames
            elif name.startswith(ASIDE):
                remove(project / name)

    def _pointer(self, project_uid: str) -> tuple[Pointer, str]:
        return pointer_in(self._folder / check_project(project_uid))

    def _point(self, project: Path, pointer: Pointer) -> None:
        """Replace the pointer, then its copy: at every moment at least one of the two is whole."""
        self._clear(project)
        for name in (POINTER, COPY):
            aside = project / f"{ASIDE}{name}"
            write_file(aside, write_pointer(pointer))
            os.replace(aside, project / name)
            sync_folder(project)


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def remove(path: Path) -> None:
    """Take away a file or a folder, whatever it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def shared(source: str, target: str) -> None:
    """The same file under another name where the disk can do that, since a layout model has 1.5 GB; else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
