"""Files by URL: objects in a bucket (S3, MinIO) or in a shared folder, through fsspec, so that several machines have the same.

One small thing under the registry, the page files, the OCR cache and the index of exports. Keys are checked and stay below the
URL; an object appears whole or not at all, in a folder too; nothing is cached here, and every call has its time limit. What the
bucket holds was written by somebody else: who reads it says how much it may be, and checks it.

Credentials and endpoint come from the standard variables of AWS (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL,
AWS_REGION); they are in no setting, log or error.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ml_backend.errors import SetupError, StorageError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_SCHEMES = ("s3", "s3a", "file", "memory")  # memory is for tests; fsspec knows others, which nobody tried
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}"
_KEY = re.compile(rf"(?:{_PART}/){{0,7}}{_PART}")
_PARTS = ".parts"  # in a shared folder: what is being written, and what killed writers left
_BLOCK = 16 * 1024 * 1024  # bytes asked for at a time
_CONNECT, _READ, _TRIES = 3, 10, 2  # seconds until a server has answered, until the next byte has come; attempts
_AT_ONCE = 2  # parts of a large file, of 50 MB each, in memory
_HOW = "Check DOCLOOP_STORAGE_URL, AWS_ENDPOINT_URL and the credentials; docloop goes on by itself once it answers."


@dataclass(frozen=True, slots=True)
class Stored:
    """One object of a listing: its key, its size in bytes, and a mark that is another one when it was replaced."""

    key: str
    size: int
    mark: str


class Bucket:
    """The objects below a URL. Safe for threads; each process opens its own (``open_bucket``).

    Keys are relative paths of plain names, joined by "/". All methods raise StorageError when the storage does not answer or
    refuses, and ValueError for a key that is none.
    """

    def __init__(self, files: AbstractFileSystem, root: str) -> None:
        self._files = files
        self._root = root.rstrip("/")
        self._is_folder = "file" in _protocols(files)

    def below(self, prefix: str) -> Bucket:
        """The part of this bucket whose keys begin with ``prefix/``."""
        return Bucket(self._files, self._path(prefix))

    def get(self, key: str, limit: int) -> bytes | None:
        """The bytes of an object; None where there is none. Raises StorageError ``object_large`` beyond ``limit`` bytes."""
        path = self._path(key)
        with _said():
            try:
                data = self._range(path, 0, limit + 1)
            except FileNotFoundError:
                return None
        if len(data) > limit:
            raise _too_large(key, limit)
        return data

    def get_file(self, key: str, target: Path, limit: int) -> int | None:
        """Write an object into a new file; its size, or None where there is no such object (and no file then)."""
        path = self._path(key)
        with _said():
            try:
                size = int(self._files.info(path)["size"])
            except FileNotFoundError:
                return None
        if size > limit:
            raise _too_large(key, limit)
        with target.open("xb") as file:
            for start in range(0, size, _BLOCK):
                with _said():
                    data = self._range(path, start, min(start + _BLOCK, size))
                file.write(data)  # a full disk of ours is another fault
        return size

    def put(self, key: str, data: bytes) -> None:
        """Store an object; one of this key is replaced, at one moment."""
        target = self._path(key)
        with _said(), self._replacing(target) as path:
            self._files.pipe_file(path, data)

    def put_file(self, source: Path, key: str) -> None:
        """Store the content of a file."""
        target = self._path(key)
        with _said(), self._replacing(target) as path:
            self._files.put_file(os.fspath(source), path)

    def list(self, prefix: str) -> list[Stored]:
        """The objects whose keys begin with ``prefix/``, by key. What has a key that docloop would not write is left out."""
        folder = self._path(prefix)
        with _said():
            found = self._files.find(folder, detail=True)
            if not found:
                self._is_there()
        stored = []
        for path, about in found.items():
            key = str(path).removeprefix(self._root).lstrip("/")
            if _is_key(key):
                stored.append(Stored(key, int(about.get("size") or 0), _mark(about)))
        return sorted(stored, key=lambda each: each.key)

    def exists(self, key: str) -> bool:
        path = self._path(key)
        with _said():
            return bool(self._files.isfile(path))

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, in this order. Those that are not there are passed over."""
        for key in keys:  # one by one: of many at once S3 tells the refused ones in a list that fsspec does not look at
            path = self._path(key)
            with _said(), suppress(FileNotFoundError):
                self._files.rm_file(path)

    def check(self) -> None:
        """Write, read and delete a small object. Raises StorageError if that does not work."""
        key = f"check-{uuid.uuid4().hex}"
        self.put(key, b"docloop")
        try:
            if self.get(key, 100) != b"docloop":
                raise StorageError("storage_odd", "The storage gives back other bytes than were written.", _HOW)
        finally:
            self.delete([key])

    def tidy(self, before: float) -> None:
        """In a shared folder: take away what killed writers left, of before that time (seconds since 1970)."""
        if self._is_folder:
            for path in Path(self._root).glob(f"**/{_PARTS}/*"):
                with suppress(OSError):
                    if path.stat().st_mtime < before:
                        path.unlink()

    def _path(self, key: str) -> str:
        if not _is_key(key):
            raise ValueError(f"{key[:80]!r} is not the key of an object")
        return f"{self._root}/{key}"

    def _range(self, path: str, start: int, end: int) -> bytes:
        try:
            return bytes(self._files.cat_file(path, start=start, end=end))
        except OSError as error:
            if (
                error.errno == errno.EINVAL and self._files.info(path)["size"] == 0
            ):  # S3 has no range of an empty object
                return b""
            raise

    def _is_there(self) -> None:
        """Raise FileNotFoundError for a bucket that does not exist: that is not an empty one. Folders come with their files."""
        if "s3" in _protocols(self._files):
            name = self._root.split("/", 1)[0]
            self._files.call_s3("head_bucket", Bucket=name)

    @contextmanager
    def _replacing(self, path: str) -> Iterator[str]:
        """Where to write what is to be ``path``: in a folder it is written aside, brought to the disk, and renamed."""
        if not self._is_folder:
            yield path
            return
        aside = Path(self._root, _PARTS, uuid.uuid4().hex)
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield str(aside)
            handle = os.open(aside, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def open_bucket(url: str) -> Bucket:
    """The bucket at an fsspec URL: ``s3://bucket/prefix``, ``file:///shared/folder``, ``memory://name``. Asks nobody yet.

    Raises:
        SetupError: the URL is none, holds credentials, or its package is not installed.
    """
    check_url(url)
    for name in ("botocore", "aiobotocore", "s3fs", "fsspec"):
        logging.getLogger(name).setLevel(logging.WARNING)  # below that they log headers and signatures
    try:
        import fsspec

        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        if urlsplit(url).scheme in ("s3", "s3a"):
            limits = {"connect_timeout": _CONNECT, "read_timeout": _READ, "retries": {"total_max_attempts": _TRIES}}
            options.update(config_kwargs=limits, max_concurrency=_AT_ONCE)
            os.environ.setdefault(
                "AWS_EC2_METADATA_DISABLED", "true"
            )  # without a key it would ask an address of the network
        files, root = fsspec.core.url_to_fs(url, **options)
    except (ImportError, ValueError) as error:
        raise _unavailable(url, error) from None
    if "s3" in _protocols(files):
        files.retries = 1  # botocore, below it, tries again already
    return Bucket(files, str(root))


def check_package(url: str) -> None:
    """Raise SetupError if the package for a URL is not installed. Starts no thread, so a process may fork afterwards."""
    try:
        import fsspec

        fsspec.get_filesystem_class(urlsplit(url).scheme)
    except (ImportError, ValueError) as error:
        raise _unavailable(url, error) from None


def _unavailable(url: str, error: Exception) -> SetupError:
    return SetupError(
        "storage_unavailable",
        f"DOCLOOP_STORAGE_URL: {urlsplit(url).scheme}:// cannot be opened ({type(error).__name__}).",
        "Install it: pip install 'docloop[s3]' for S3 and shared folders.",
    )


def check_url(url: str) -> str:
    """``url`` if docloop may use it as storage. Raises SetupError, without quoting it: it may hold a secret."""
    parts = urlsplit(url)
    fault = ""
    if not parts.scheme or not (parts.netloc or parts.path.strip("/")):
        fault = "it is not a URL such as s3://bucket/prefix or file:///shared/folder"
    elif parts.scheme not in _SCHEMES:
        fault = f"there is no storage of the kind {parts.scheme[:20]}://; known are s3://bucket/prefix and file:///shared/folder"
    elif "@" in parts.netloc or ":" in parts.netloc:
        fault = "it holds credentials or a port; they belong into AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL"
    elif parts.query or parts.fragment or ".." in parts.path.split("/") or "\\" in url:
        fault = "it has a query, a fragment or .. in it"
    elif parts.scheme == "file" and (parts.netloc or parts.path.strip("/") == ""):
        fault = "a folder is written as file:///shared/folder"
    if fault:
        raise SetupError("bad_setting", f"DOCLOOP_STORAGE_URL: {fault}.", "docs/storage.md shows good ones.")
    return url


def _is_key(key: object) -> bool:
    return isinstance(key, str) and len(key) <= 800 and _KEY.fullmatch(key) is not None


def _protocols(files: AbstractFileSystem) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _mark(about: dict[str, Any]) -> str:
    """S3 has a hash of the content; a folder a new file for each replacement; memory the moment it was made."""
    if "ETag" in about:
        return str(about["ETag"])
    return "-".join(str(about.get(name, "")) for name in ("ino", "mtime", "created", "size"))


def _too_large(key: str, limit: int) -> StorageError:
    return StorageError("object_large", f"The object {key} has more than {limit:,} bytes.")


@contextmanager
def _said() -> Iterator[None]:
    """Faults of fsspec and of what is below it, which are of any type, as StorageError. Their words may hold addresses."""
    try:
        yield
    except (StorageError, FileNotFoundError) as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError("storage_missing", "There is no such bucket or folder.", _HOW) from None
    except Exception as error:
        if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
            said = "The storage refuses: no such credentials, or no right to this."
            raise StorageError("storage_refused", said, _HOW) from None
        raise StorageError("storage_away", f"The storage does not answer ({type(error).__name__}).", _HOW) from None
