"""The files of confirmed documents' pages, as Label Studio gave them: what pictures are made of when nobody can be asked again.

A task's URL may be dead in a month (signed links, cleaned buckets), and a training process may fetch nothing. So the bytes of a
confirmed document are kept, unchanged, under its content:

    <folder>/ab/abcdef.../0  1  2 ...      one file a page

They are written aside and renamed, so that a document's files are all there or none is.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import mkdtemp

from ml_backend.errors import ImageRejected
from ml_backend.images.pages import PageImage, content_of

_CONTENT = re.compile(r"[0-9a-f]{64}")
_ASIDE = ".part-"
MOST_PAGES = 1_000
_IN_MEMORY = 4  # decoded pages

Load = Callable[[bytes], Generator[PageImage, None, None]]
"""A file's pages, upright, decoded one by one (``PageLoader.pages``)."""


class PageFiles:
    """Safe for threads and processes. ``content`` is always a document's identity, 64 hexadecimal digits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: str, files: Sequence[bytes]) -> None:
        """Keep the files of a document's pages, in their order; nothing where they are kept already.

        Raises:
            OSError: the disk refused; nothing of the document is there then.
        """
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
        with suppress(FileNotFoundError):
            for number in range(MOST_PAGES):
                yield (folder / str(number)).read_bytes()

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
        """The documents whose files are kept."""
        return {path.name for path in self._folder.glob("??/*") if _CONTENT.fullmatch(path.name)}

    def tidy(self, before: float) -> None:
        """Take away what killed writers have left, of before that time (seconds since 1970): nobody writes for an hour."""
        for left in self._folder.glob(f"??/{_ASIDE}*"):
            with suppress(OSError):
                if left.stat().st_mtime < before:
                    shutil.rmtree(left)

    def remove(self, content: str) -> None:
        """Forget a document's files."""
        shutil.rmtree(self._place(content), ignore_errors=True)

    def _place(self, content: str) -> Path:
        if not _CONTENT.fullmatch(content):
            raise ValueError(f"{content!r} is not the content of a document")
        return self._folder / content[:2] / content


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
