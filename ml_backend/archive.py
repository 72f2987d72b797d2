"""One file of many, for backups: a gzipped tar whose last member names every other with its SHA-256.

An archive that was cut short has no last member, one that was changed has wrong hashes: both are told before anything of them is
used. What is read is hostile until it is verified: names are checked, links and devices are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ml_backend.errors import ArchiveRefused

MANIFEST = "manifest.json"
_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,199}/){0,9}[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_MAX_MANIFEST = 500_000_000  # bytes: a line a page file
_SPOOLED = 8_000_000  # bytes of a member that are kept in memory until its size is known
_BLOCK = 1024 * 1024


class ArchiveWriter:
    """Adds members to an archive that is being written; see ``new_archive``."""

    def __init__(self, tar: tarfile.TarFile, folder: Path) -> None:
        self._tar = tar
        self._folder = folder
        self.hashes: dict[str, str] = {}

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """A member out of pieces, of which few are in memory at a time; the rest waits on the archive's own disk, since a
        container's /tmp is small."""
        with tempfile.SpooledTemporaryFile(_SPOOLED, dir=os.fspath(self._folder)) as spool:
            for chunk in chunks:
                spool.write(chunk)
            size = spool.tell()
            spool.seek(0)
            self._put(name, size, spool)

    def add_file(self, name: str, path: Path) -> None:
        """A member out of a file. Raises OSError where it cannot be read."""
        with path.open("rb") as file:
            self._put(name, os.fstat(file.fileno()).st_size, file)

    def _put(self, name: str, size: int, file: IO[bytes]) -> None:
        if not _NAME.fullmatch(name) or name in self.hashes or name == MANIFEST:
            raise ValueError(f"{name!r} is no name for a new member")
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        hashing = _Hashing(file)
        self._tar.addfile(member, hashing)  # reading is all it wants of a file
        self.hashes[name] = hashing.digest.hexdigest()


@contextmanager
def new_archive(path: Path, facts: Callable[[], Mapping[str, Any]]) -> Iterator[ArchiveWriter]:
    """Write an archive at ``path``; ``facts``, asked at the end, go into its manifest. It appears whole or not at all.

    Raises:
        ArchiveRefused: something is at ``path``.
        OSError: the disk refused; nothing is left then.
    """
    if path.exists():
        raise ArchiveRefused("archive_exists", f"{path} is there already.", "Choose another name, or delete it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.part-", dir=path.parent)  # readable by its owner alone
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as tar:
                writer = ArchiveWriter(tar, path.parent)
                yield writer
                manifest = json.dumps({**facts(), "files": writer.hashes}, indent=1).encode()
                member = tarfile.TarInfo(MANIFEST)
                member.size, member.mode = len(manifest), 0o600
                with tempfile.SpooledTemporaryFile(_SPOOLED, dir=os.fspath(path.parent)) as last:
                    last.write(manifest)
                    last.seek(0)
                    tar.addfile(member, last)
            file.flush()
            os.fsync(file.fileno())
        _appear(aside, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)


def _appear(aside: str, path: Path) -> None:
    """Give what was written aside its name. A link takes nobody's place; sticks and some shares know none."""
    try:
        os.link(aside, path)
    except OSError:
        if path.exists():
            raise ArchiveRefused("archive_exists", f"{path} is there already.", "Choose another name.") from None
        os.rename(aside, path)


def verified(path: Path) -> dict[str, Any]:
    """The manifest of an archive, after every member was compared with it.

    Raises:
        ArchiveRefused: it cannot be read, was cut short, or was changed.
    """
    found: dict[str, str] = {}
    manifest: bytes | None = None
    for name, blocks in members(path):
        if manifest is not None:
            raise _broken(path, f"{name} follows its end")
        if name == MANIFEST:
            manifest = b"".join(blocks)
            continue
        digest = hashlib.sha256()
        for block in blocks:
            digest.update(block)
        if name in found:
            raise _broken(path, f"{name} is in it twice")
        found[name] = digest.hexdigest()
    if manifest is None:
        raise _broken(path, "its end is missing")
    try:
        value = json.loads(manifest)
        listed = value["files"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _broken(path, "its list of contents cannot be read") from None
    if listed != found:
        raise _broken(path, "its contents are not what its list says")
    return dict(value)


def members(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The members in their order with their bytes, each to be read before the next. Raises as ``verified``."""
    with _said(path), tarfile.open(path, "r|gz") as tar:
        for member in tar:
            if not member.isreg() or not (_NAME.fullmatch(member.name) or member.name == MANIFEST):
                raise _broken(path, "it holds more than plain files")
            if member.name == MANIFEST and member.size > _MAX_MANIFEST:
                raise _broken(path, "its list of contents is too long")
            yield member.name, _blocks(path, tar, member)


def _blocks(path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    with _said(path):
        file = tar.extractfile(member)
        while file is not None and (block := file.read(_BLOCK)):
            yield block


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _broken(path, f"it is no archive, or was cut short ({type(error).__name__})") from None


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _broken(path: Path, why: str) -> ArchiveRefused:
    return ArchiveRefused("archive_broken", f"{path.name} cannot be used: {why}.", "Take another backup.")
