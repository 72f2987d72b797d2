"""The files of confirmed documents' pages, as Label Studio gave them: what pictures are made of when nobody can be asked again.

A task's URL may be dead in a month (signed links, cleaned buckets), and a training process may fetch nothing. So the bytes of a
confirmed document are kept, unchanged, under its content:

    <folder>/ab/abcdef.../0  1  2 ...      one file a page

They are written aside and renamed, so that a document's files are all there or none is. With a bucket behind the folder that one
is the place they are kept in, and the folder a copy of what this machine has used. There file 0 is written last and deleted
first: a document is there once that is.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import mkdtemp

from ml_backend.errors import ImageRejected, StorageError
from ml_backend.images.pages import PageImage, content_of
from ml_backend.storage import Bucket

log = logging.getLogger(__name__)

_CONTENT = re.compile(r"[0-9a-f]{64}")
_ASIDE = ".part-"
MOST_PAGES = 1_000
_LARGEST = 200 * 1024 * 1024  # bytes of a file out of the bucket
_UNUSED = 7 * 86_400.0  # seconds after which this machine's copy goes, where a bucket has the files

Load = Callable[[bytes], Generator[PageImage, None, None]]
"""A file's pages, upright, decoded one by one (``PageLoader.pages``)."""


class PageFiles:
    """Safe for threads and processes. ``content`` is always a document's identity, 64 hexadecimal digits."""

    def __init__(self, folder: Path, bucket: Bucket | None = None) -> None:
        self._folder = folder
        self._bucket = bucket

    def put(self, content: str, files: Sequence[bytes]) -> None:
        """Keep the files of a document's pages, in their order; nothing where they are kept already.

        Raises:
            OSError: the disk refused; nothing of the document is there then.
            StorageError: the bucket did; the files are on this machine alone.
        """
        self._copy(content, files)
        if self._bucket is not None and not self._bucket.exists(f"{_prefix(content)}/0"):
            for number in reversed(range(len(files))):
                self._bucket.put(f"{_prefix(content)}/{number}", files[number])

    def _copy(self, content: str, files: Sequence[bytes]) -> None:
        target = self._place(content)
        if target.exists():
            return
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = Path(mkdtemp(prefix=_ASIDE, dir=target.parent))
        try:
            for number, data in enumerate(files):
                (aside / str(number)).write_bytes(data)
            _to_disk(aside)  # else a power cut may leave a folder of empty files, which would count as kept for ever
            os.rename(aside, target)
        except OSError:
            shutil.rmtree(aside, ignore_errors=True)
            if not target.exists():  # else somebody was quicker
                raise

    def get(self, content: str) -> tuple[bytes, ...]:
        """The files of a document's pages in their order; none where they are not kept."""
        folder, files = self._place(content), list[bytes]()
        with suppress(FileNotFoundError):
            while len(files) < MOST_PAGES:
                files.append((folder / str(len(files))).read_bytes())
        return tuple(files) or self._brought(content)

    def _brought(self, content: str) -> tuple[bytes, ...]:
        """The files out of the bucket, which are on this machine from then on; none while it does not answer."""
        files: list[bytes] = []
        try:
            while self._bucket is not None and len(files) < MOST_PAGES:
                data = self._bucket.get(f"{_prefix(content)}/{len(files)}", _LARGEST)
                if data is None:
                    break
                files.append(data)
            if files:
                self._copy(content, files)
        except StorageError as error:
            log.warning("the pages of a document cannot be brought: %s", error)
            return ()
        except OSError as error:
            log.warning("the pages of a document cannot be kept here: %s", error.strerror)
        return tuple(files)

    def pictures(self, content: str, load: Load) -> tuple[PageImage, ...]:
        """The upright pages of a document; none where they are not kept, or are not what was confirmed.

        Of a file with several pictures the first is the page, as in Label Studio's editor.
        """
        try:
            pages = tuple(_first(load, data) for data in self.get(content))
        except ImageRejected:
            return ()
        return pages if pages and content_of([page.digest for page in pages]) == content else ()

    def contents(self) -> set[str]:
        """The documents whose files are kept. Raises StorageError where a bucket does not answer."""
        return {key for key, number in self._keys() if number == "0"} if self._bucket is not None else self.copies()

    def copies(self) -> set[str]:
        """The documents whose files are on this machine."""
        return {path.name for path in self._folder.glob("??/*") if _CONTENT.fullmatch(path.name)}

    def traces(self) -> set[str]:
        """The documents of which there is anything at all, anywhere. Raises StorageError where a bucket does not answer."""
        return self.copies() | {key for key, _ in self._keys()}

    def _keys(self) -> list[tuple[str, str]]:
        """Document and file number of all that the bucket has."""
        found = [each.key.rpartition("/") for each in self._bucket.list("files")] if self._bucket is not None else []
        return [
            (content, number)
            for folder, _, number in found
            if _CONTENT.fullmatch(content := folder.rpartition("/")[2]) and folder == _prefix(content)
        ]

    def tidy(self, before: float) -> None:
        """Take away what killed writers have left, of before that time (seconds since 1970): nobody writes for an hour."""
        for left in self._folder.glob(f"??/{_ASIDE}*"):
            with suppress(OSError):
                if left.stat().st_mtime < before:
                    shutil.rmtree(left)
        for content in self.copies() if self._bucket is not None else ():
            with suppress(OSError, StorageError):
                old = self._place(content).stat().st_mtime < time.time() - _UNUSED
                if old and self._bucket is not None and self._bucket.exists(f"{_prefix(content)}/0"):
                    self.drop_copy(content)

    def remove(self, content: str) -> None:
        """Forget a document's files. Raises StorageError where a bucket does not answer; then they are gone here alone."""
        self.drop_copy(content)
        if self._bucket is not None:
            keys = [each.key for each in self._bucket.list(_prefix(content))]
            self._bucket.delete(sorted(keys, key=lambda key: not key.endswith("/0")))

    def drop_copy(self, content: str) -> None:
        """Take a document's files off this machine."""
        shutil.rmtree(self._place(content), ignore_errors=True)

    def _place(self, content: str) -> Path:
        if not _CONTENT.fullmatch(content):
            raise ValueError(f"{content!r} is not the content of a document")
        return self._folder / content[:2] / content


def _prefix(content: str) -> str:
    if not _CONTENT.fullmatch(content):
        raise ValueError(f"{content!r} is not the content of a document")
    return f"files/{content[:2]}/{content}"


def _to_disk(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _first(load: Load, data: bytes) -> PageImage:
    with closing(load(data)) as images:
        return next(images)
