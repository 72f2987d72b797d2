"""The files of a model version on disk: written so that a kill leaves nothing half, read so that nothing planted is taken.

Whoever can write into the folder can write hashes too. So beside the hashes: only plain files, only kinds that hold no code, each
being what its name says, none that the manifest does not list, and nothing behind a symbolic link.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ml_backend.errors import ModelRejected
from ml_backend.models.manifest import MANIFEST, MAX_FILES, check_file

MAX_FILE = 4 * 1024**3  # bytes; the largest LayoutLM has 1.5 GB
MAX_UNPACKED = 2 * 1024**3  # bytes in a .skops archive, unpacked
_MEMBERS = (".json", ".npy", ".npz", ".bin")  # what skops puts into an archive
UNREADABLE = "model_file_unreadable"  # the code of what says nothing of the version itself
_LINKS = (errno.ELOOP, errno.EMLINK)  # what systems say of a link that is not to be followed
_BLOCK = 1024 * 1024
_DEPTH = 4
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a link or a pipe in the place of a file


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 in hex of every file below ``folder`` but the manifest, by relative path. Raises ModelRejected."""
    return {name: _checked_hash(folder / name, name) for name in sorted(_names(folder)) if name != MANIFEST}


def verify(folder: Path, expected: Mapping[str, str]) -> None:
    """Raise ModelRejected unless ``folder`` holds exactly the files of ``expected``, with these hashes."""
    there = set(_names(folder)) - {MANIFEST}
    if missing := sorted(set(expected) - there):
        raise ModelRejected("model_file_missing", f"{missing[0]} is missing from {folder.name}.")
    if extra := sorted(there - set(expected)):
        raise ModelRejected("model_file_extra", f"{folder.name} holds {extra[0]!r}, which its manifest does not list.")
    for name, digest in sorted(expected.items()):
        if _checked_hash(folder / check_file(name), name) != digest:
            raise ModelRejected("model_file_changed", f"{name} of {folder.name} is not what was published.")


def stamp(folder: Path) -> tuple[object, ...]:
    """What is another one when a file below ``folder`` changes: names, sizes, times. Cheap; nothing is checked."""
    found = []
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(OSError):  # it may go just now
                status = os.lstat(os.path.join(place, name))
                found.append((place, name, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(found)


def read_small(path: Path, limit: int) -> bytes:
    """The bytes of a plain file of at most ``limit`` bytes. Raises FileNotFoundError, or ModelRejected for anything odd."""
    try:
        handle = os.open(path, _READ)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unread(path.name, error) from None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ModelRejected("model_file_odd", f"{path.name} is not a plain file.")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ModelRejected("model_file_large", f"{path.name} has more than {limit:,} bytes.")
    return data


def write_file(path: Path, data: bytes) -> None:
    """A new file with this content, on the disk when this returns (its name is only after ``sync_folder``)."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_files(folder: Path) -> None:
    """Bring every file below ``folder`` to the disk and take away the right to write it."""
    for name in _names(folder):
        handle = os.open(folder / name, _READ)
        try:
            os.fsync(handle)
            os.fchmod(handle, 0o444)
        finally:
            os.close(handle)


def sync_folders(folder: Path) -> None:
    """Bring the names inside ``folder`` and the folders below it to the disk, the deepest first."""
    for inner, _, _ in os.walk(folder, topdown=False):
        sync_folder(Path(inner))


def sync_folder(folder: Path) -> None:
    """Bring the names inside ``folder`` to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _names(folder: Path, prefix: str = "", depth: int = 0) -> list[str]:
    """Relative paths of all files, each checked. Raises ModelRejected for links, pipes, odd names, too many or too deep."""
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False) and depth < _DEPTH:
                    names += _names(Path(entry.path), f"{name}/", depth + 1)
                elif entry.is_file(follow_symlinks=False):
                    names.append(name if name == MANIFEST else check_file(name))
                else:
                    raise ModelRejected("model_file_odd", f"{name[:60]!r} is not a plain file.")
                if len(names) > MAX_FILES:
                    raise ModelRejected("model_file_extra", f"There are more than {MAX_FILES} files.")
    except OSError as error:
        raise _unread(folder.name, error) from None
    return names


def _checked_hash(path: Path, name: str) -> str:
    try:
        handle = os.open(path, _READ)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ModelRejected("model_file_odd", f"{name} is not a plain file.")
            if status.st_size > MAX_FILE:
                raise ModelRejected("model_file_large", f"{name} has more than {MAX_FILE:,} bytes.")
            _check_kind(file, name, status.st_size)
            file.seek(0)
            digest = hashlib.sha256()
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise _unread(name, error) from None
    return digest.hexdigest()


def _unread(name: str, error: OSError) -> ModelRejected:
    """A link is what it is; whatever else keeps a file from being read may be over tomorrow."""
    code = "model_file_odd" if error.errno in _LINKS else UNREADABLE
    return ModelRejected(code, f"{name} cannot be read ({error.strerror}).")


def _check_kind(file: BinaryIO, name: str, size: int) -> None:
    """Raise ModelRejected if the content is plainly not what the name says, such as a renamed pickle."""
    head = file.read(9)
    if name.endswith(".skops"):
        _check_archive(file, name)
    elif name.endswith(".safetensors"):
        length = struct.unpack("<Q", head[:8])[0] if len(head) == 9 else size
        if length > size - 8 or head[8:] != b"{":
            raise ModelRejected("model_file_kind", f"{name} is not a safetensors file.")
    elif name.endswith(".json") and head.lstrip()[:1] not in b'{["':
        raise ModelRejected("model_file_kind", f"{name} is not a JSON file.")


def _check_archive(file: BinaryIO, name: str) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError):
        raise ModelRejected("model_file_kind", f"{name} is not a skops archive.") from None
    for member in members:
        if "/" in member.filename or "\\" in member.filename or not member.filename.endswith(_MEMBERS):
            raise ModelRejected(
                "model_file_kind", f"{name} holds {member.filename[:60]!r}, which no skops archive does."
            )
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        raise ModelRejected("model_file_large", f"{name} unpacks to more than {MAX_UNPACKED:,} bytes.")
