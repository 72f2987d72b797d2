"""Pages that were read before, as JSON files in one folder:

    <folder>/2a/2a89...-5f0c....json      first what stands for the page, then what stands for who read it

So all that was read of a page can be found by the page, and goes when no document has it any more.

Files are written aside and renamed, so that a reader sees a whole page or none. Whatever else lies there (a torn file, another
format, another program's) is a miss and never an error. Only words live here; images do not.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from ml_backend.document.elements import Page
from ml_backend.document.json_form import FORMAT, page_from_json, page_to_json
from ml_backend.folders import make_private


@dataclass(frozen=True, slots=True)
class PageKey:
    """What a cached page depends on: the image (hex SHA-256, or any text that stands for it), its page number, the engine.

    What stands behind a "/" in ``digest`` names a part of the page: it is forgotten with the page.
    """

    digest: str
    engine: str
    settings: str = ""
    page: int = 0

    @property
    def name(self) -> str:
        """A file name in a folder of its own initial, the same in every process."""
        whole = hashlib.sha256(json.dumps([FORMAT, *astuple(self)]).encode()).hexdigest()
        page = page_name(self.digest)
        return f"{page[:2]}/{page}-{whole[:32]}.json"


def page_name(digest: str) -> str:
    """What the names of all files of a page begin with: digests may be any text."""
    return hashlib.sha256(digest.partition("/")[0].encode()).hexdigest()[:32]


class PageCache:
    """At most about ``max_bytes`` of pages under ``folder``; beyond that the oldest go first. Safe for threads and processes."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None  # what we believe is there; counted at the first write

    def get(self, key: PageKey) -> Page | None:
        """The page stored under ``key``, or None."""
        try:
            return page_from_json(json.loads(self._read(key.name)))
        except (OSError, ValueError):
            return None

    def put(self, key: PageKey, page: Page) -> None:
        """Store ``page``. Raises OSError where the folder cannot be written."""
        self._write(key.name, json.dumps(page_to_json(page), ensure_ascii=False, separators=(",", ":")).encode())

    def _read(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def _write(self, name: str, data: bytes) -> None:
        path = self._folder / name
        make_private(path.parent)
        with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            try:
                file.write(data)
                file.close()
                os.replace(file.name, path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        with self._lock:
            self._bytes = (self._bytes or 0) + len(data) if self._bytes is not None else self._count()
            if self._bytes > self._max_bytes:
                self._bytes = self._drop_oldest()

    def keep_only(self, digests: Collection[str]) -> int:
        """Forget all pages but these; how many files went. A file that cannot be deleted just now goes the next time."""
        kept, gone = {page_name(digest) for digest in digests}, 0
        for path in self._folder.glob("??/*"):
            if path.name.partition("-")[0] not in kept:
                with suppress(OSError):
                    path.unlink()
                    gone += 1
        if gone:
            with self._lock:
                self._bytes = None
        return gone

    def _files(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self._folder.glob("??/*"):
            with suppress(FileNotFoundError):  # another process dropped it meanwhile
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        return sorted(found)

    def _count(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _drop_oldest(self) -> int:
        """Make room, a tenth more than needed so that the folder is not listed at every write. Returns what is left."""
        files = self._files()
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= self._max_bytes * 0.9:
                break
            path.unlink(missing_ok=True)
            left -= size
        return left

    def keep_only_here(self, digests: Collection[str]) -> int:
        """The same on this machine alone: a folder is on no other."""
        return self.keep_only(digests)

    def close(self) -> None:
        """A folder has nothing to end."""
