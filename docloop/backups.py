"""Everything that docloop has in one file, and back: tables, model versions, readers, page files, exports' index, secrets.

What can be made again is left out: the OCR cache, waiting jobs, hints, leases. A backup of SQLite restores into PostgreSQL and
the other way round, so it is also how an installation moves from a laptop to a cluster.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock

from docloop.processes import FILLING, UNFINISHED, own
from ml_backend.archive import ArchiveWriter, members, new_archive, verified
from ml_backend.credentials import SECRETS_FILE
from ml_backend.errors import ArchiveRefused, StorageError
from ml_backend.exports.shared_index import SharedExportIndex
from ml_backend.models.shared_registry import SharedRegistry
from ml_backend.page_files import PageFiles
from ml_backend.readers import READERS
from ml_backend.services import EXPORTS, MODELS, PAGES, store_url
from ml_backend.settings import Settings
from ml_backend.shared_files import export_index_in, page_files_in, registry_in
from ml_backend.store.dumping import dumped, fill, last_ids, one_moment, refuse_filled
from ml_backend.store.opening import connect
from ml_backend.store.schema import revision_of
from ml_backend.store.upgrades import FORMAT, STORE

FILES = "files"  # the folder of the data folder's files inside an archive
FOLDERS = (MODELS, READERS, EXPORTS, PAGES)
_LOCKED = (MODELS, READERS)  # registries: a folder a project, each with a lock of its own
_LOCK_SECONDS = 60.0

Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """What an archive says of itself. ``schema`` is the revision of its tables, ``at`` seconds since 1970."""

    at: float
    schema: str
    docloop: str
    tables: tuple[str, ...]
    ids: dict[str, int]
    files: int


def back_up(settings: Settings, path: Path, pages: bool = True, step: Step = lambda: None) -> Backup:
    """Write a backup to ``path``, while docloop runs. ``pages=False`` leaves the page files out, which are most of it.

    Raises:
        ArchiveRefused: there is something at ``path``, or nothing to back up.
        StoreError, StorageError: the database or the bucket does not answer.
        OSError: the disk refused; nothing is left then.
    """
    database = connect(store_url(settings))
    facts: dict[str, Any] = {"format": FORMAT, "at": time.time(), "docloop": version("docloop"), "tables": []}
    try:
        facts["schema"] = revision_of(database)
        if not facts["schema"]:
            raise ArchiveRefused("nothing_to_back_up", "The database is empty.", "Is DOCLOOP_DATA_DIR the right one?")
        with new_archive(path, lambda: facts) as archive:
            with one_moment(database) as connection:
                for name, lines in dumped(connection):
                    archive.add(f"{STORE}/{name}.jsonl", lines)
                    facts["tables"].append(name)
                    step()
                facts["ids"] = last_ids(connection)
            with _gathered(settings, pages) as data:
                for folder in FOLDERS if pages else FOLDERS[:-1]:
                    _add_folder(archive, data, folder, step)
            with suppress(FileNotFoundError):
                archive.add_file(f"{FILES}/{SECRETS_FILE}", settings.data_dir / SECRETS_FILE)
        return _backup({**facts, "files": archive.hashes})
    finally:
        database.engine.dispose()


def check(path: Path) -> Backup:
    """What a backup holds, after every byte of it was compared with its hashes. Raises ArchiveRefused."""
    found = verified(path)
    if found.get("format") != FORMAT:
        raise ArchiveRefused("archive_odd", f"{path.name} is no backup of docloop.")
    try:
        return _backup(found)
    except (KeyError, TypeError, ValueError):
        raise ArchiveRefused("archive_odd", f"{path.name} does not say what it holds.") from None


def restore(settings: Settings, path: Path, step: Step = lambda: None) -> Backup:
    """Fill an empty installation from a backup. One that was killed half-way is repeated with the same command.

    Raises:
        ArchiveRefused: the archive is broken or of a newer docloop, or the database or data folder are not empty.
        SetupError: docloop is running on the data folder.
        StoreError, StorageError, OSError: database, bucket or disk refused.
    """
    data = settings.data_dir
    with own(data, "web", restoring=True), own(data, "worker", restoring=True):
        backup = check(path)
        aside, filling = data / UNFINISHED, data / FILLING
        _refuse_files(data, () if aside.exists() or filling.exists() else FOLDERS)
        database = connect(store_url(settings))
        try:
            # Filled all or nothing, and by us alone: it was empty when we began with that, and docloop does not start meanwhile.
            if not (filling.exists() and revision_of(database)):
                refuse_filled(database)
                shutil.rmtree(aside, ignore_errors=True)
                aside.mkdir(mode=0o700)
                _unpack(path, aside, step)
                _put_files(aside / FILES, data)
                filling.touch()
                fill(database, backup.schema, backup.ids, _tables(aside / STORE, backup.tables))
            if settings.storage_url:
                _send(settings)
        finally:
            database.engine.dispose()
        if aside.exists():
            shutil.rmtree(aside)
        filling.unlink()
    return backup


def _backup(value: dict[str, Any]) -> Backup:
    tables = tuple(str(name) for name in value["tables"])
    ids = {str(name): int(number) for name, number in value["ids"].items()}
    return Backup(
        float(value["at"]), str(value["schema"]), str(value.get("docloop", "")), tables, ids, len(value["files"])
    )


@contextmanager
def _gathered(settings: Settings, pages: bool) -> Iterator[Path]:
    """A folder that has all of ``FOLDERS``: the data folder, or a copy that was made of the bucket."""
    if not settings.storage_url:
        yield settings.data_dir
        return
    with TemporaryDirectory(prefix=".backup-", dir=settings.data_dir) as name:
        here = settings.model_copy(update={"data_dir": Path(name)})
        for registry in (registry_in(here, folder, store_url(settings)) for folder in _LOCKED):
            if isinstance(registry, SharedRegistry):
                for uid in registry.projects():
                    registry.copy(uid)
        _exchange(here)
        if pages:
            _bring_pages(page_files_in(here, PAGES))
        yield here.data_dir


def _bring_pages(files: PageFiles) -> None:
    for content in files.contents():
        files.get(content)
    if lacking := len(files.contents() - files.copies()):  # but for documents that were deleted just now
        said = f"The pages of {lacking} documents cannot be brought from the storage, or kept in the data folder."
        raise StorageError("storage_away", said, "The log says why; back up again then.")


def _exchange(settings: Settings) -> None:
    index = export_index_in(settings, EXPORTS)
    if isinstance(index, SharedExportIndex):
        index.exchange()


def _send(settings: Settings) -> None:
    """Put what was restored into the folders into the bucket behind them."""
    for registry in (registry_in(settings, folder, store_url(settings)) for folder in _LOCKED):
        if isinstance(registry, SharedRegistry):
            registry.send_all()
    _exchange(settings)
    files = page_files_in(settings, PAGES)
    for content in files.copies():
        files.put(content, files.get(content))


def _add_folder(archive: ArchiveWriter, data: Path, folder: str, step: Step) -> None:
    for part in sorted((data / folder).glob("*")):
        with _held(part) if folder in _LOCKED and part.is_dir() else nullcontext():
            for path in sorted(_files(part)):
                with suppress(FileNotFoundError):  # deleted just now
                    archive.add_file(f"{FILES}/{path.relative_to(data).as_posix()}", path)
                    step()


@contextmanager
def _held(project: Path) -> Iterator[None]:
    """Nothing of the project is published, promoted or rewritten meanwhile."""
    with FileLock(project / ".lock", timeout=_LOCK_SECONDS):
        yield


def _files(part: Path) -> Iterable[Path]:
    """Plain files; what is being written has a name that begins with a dot."""
    if part.name.startswith("."):
        return
    if part.is_file() and not part.is_symlink():
        yield part
    elif part.is_dir() and not part.is_symlink():
        for each in part.iterdir():
            yield from _files(each)


def _refuse_files(data: Path, folders: Iterable[str]) -> None:
    for folder in folders:
        if any((data / folder).glob("*")):
            raise ArchiveRefused(
                "data_not_empty",
                f"{data / folder} is not empty.",
                "Restore into an empty folder: DOCLOOP_DATA_DIR=..., or move what is there away.",
            )


def _unpack(path: Path, aside: Path, step: Step) -> None:
    for name, blocks in members(path):  # verified before, names too
        target = aside / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            out.writelines(blocks)
            out.flush()
            os.fsync(out.fileno())
        step()


def _put_files(unpacked: Path, data: Path) -> None:
    for folder in FOLDERS:
        shutil.rmtree(data / folder, ignore_errors=True)  # empty, or of a restore that was killed
        if (unpacked / folder).exists():
            os.rename(unpacked / folder, data / folder)
    secrets = unpacked / SECRETS_FILE
    if secrets.exists() and not (data / SECRETS_FILE).exists():
        os.rename(secrets, data / SECRETS_FILE)


def _tables(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, Iterable[bytes]]]:
    for name in names:
        with (folder / f"{name}.jsonl").open("rb") as lines:
            yield name, lines
