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
from collections.abc import Callable, Generator, Iterator, Sequence
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
_IN_MEMORY = 4  # decoded pages

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
        return tuple(self._each(content))

    def _each(self, content: str) -> Iterator[bytes]:
        folder = self._place(content)
        if self._bucket is not None and not folder.exists():
            yield from self._brought(self._bucket, content)
            return
        with suppress(FileNotFoundError):
            for number in range(MOST_PAGES):
                yield (folder / str(number)).read_bytes()

    def _brought(self, bucket: Bucket, content: str) -> list[bytes]:
        """The files out of the bucket, which are on this machine from then on; none while it does not answer."""
        files: list[bytes] = []
        try:
            while (
                len(files) < MOST_PAGES
                and (data := bucket.get(f"{_prefix(content)}/{len(files)}", _LARGEST)) is not None
            ):
                files.append(data)
            if files:
                self._copy(content, files)
        except StorageError as error:
            log.warning("the pages of a document cannot be brought: %s", error)
            return []
        except OSError as error:
            log.warning("the pages of a document cannot be kept here: %s", error.strerror)
        return files

    def pictures(self, content: str, load: Load) -> Iterator[PageImage]:
        """The upright pages of a document one by one; none where they are not kept, or are not what was confirmed.

        All pages are decoded before the first is given out, to be sure. A document of more than a few is decoded again then, so
        that no more than these are ever in memory. Of a file with several pictures the first is the page, as in Label Studio's
        editor.

        Raises:
            ImageRejected, OSError: the pages were taken away while they were given out.
        """
        decoded, count = self._confirmed(content, load)
        for number in range(count):
            yield decoded.pop(0) if decoded else _first(load, (self._place(content) / str(number)).read_bytes())

    def _confirmed(self, content: str, load: Load) -> tuple[list[PageImage], int]:
        """The pages of a document, or none of them where they are many, and how many there are: 0 if they are not what was
        confirmed."""
        decoded, digests = list[PageImage](), list[str]()
        try:
            for data in self._each(content):
                page = _first(load, data)
                digests.append(page.digest)
                decoded = [*decoded, page] if len(digests) <= _IN_MEMORY else []
        except ImageRejected:
            return [], 0
        return (decoded, len(digests)) if digests and content_of(digests) == content else ([], 0)

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
