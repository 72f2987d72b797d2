"""The one place where pages are read: so many at a time in the whole process, each page once.

Reading runs on the pool's own threads, at a lower priority where the system has one for threads (Linux), so that the web threads
answer at once while every core is busy. An engine that loads its networks in ``read`` loads them there, too.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Collection
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress

from PIL.Image import Image

from ml_backend.counters import OCR_CACHE, OCR_SECONDS
from ml_backend.document.elements import Page
from ml_backend.errors import EngineFailed
from ml_backend.ocr.base import OCREngine
from ml_backend.ocr.cache import PageCache, PageKey

_NICENESS = 10
_log = logging.getLogger(__name__)


class OCRPool:
    """Reads pages with ``engine``, ``concurrency`` at a time, through ``cache`` if there is one. Close it when done.

    A page may name another engine than that: of one page each engine's words are kept apart.
    """

    def __init__(self, engine: OCREngine, concurrency: int, cache: PageCache | None = None) -> None:
        self.engine = engine
        self._cache = cache
        self._lock = threading.Lock()
        self._running: dict[PageKey, Future[Page]] = {}
        self._threads = ThreadPoolExecutor(concurrency, "ocr", initializer=_lower_priority)
        self._closed = False

    def read(
        self, image: Image, digest: str, page: int = 0, engine: OCREngine | None = None, keep: bool = True
    ) -> Page:
        """The words of ``image``; ``digest`` and ``page`` must name its pixels. Two calls for one page at once read it once.

        ``engine`` is another than the pool's own. Without ``keep`` nothing of the page is written down.

        Raises:
            EngineFailed: the engine broke on this page, or the pool is closed.
        """
        engine = engine or self.engine
        key = PageKey(digest, engine.id, engine.settings, page)
        if (known := self._cached(key)) is not None:
            OCR_CACHE.labels("hit").inc()
            return known
        OCR_CACHE.labels("miss").inc()
        with self._lock:
            if self._closed:
                raise EngineFailed("ocr_closed", "The OCR pool is closed.")
            future = self._running.get(key)
            if future is None:
                future = self._running[key] = self._threads.submit(self._work, key, image, engine, keep)
        try:
            return future.result()
        except CancelledError:
            raise EngineFailed("ocr_closed", "The OCR pool was closed before the page was read.") from None

    def keep_only(self, digests: Collection[str]) -> int:
        """Forget what was read of all pages but these; how many cached readings went."""
        return self._cache.keep_only(digests) if self._cache else 0

    def keep_only_here(self, digests: Collection[str]) -> int:
        """The same on this machine alone, where a bucket stands behind the cache."""
        return self._cache.keep_only_here(digests) if self._cache else 0

    def close(self) -> None:
        """Finish the pages being read, give up the waiting ones, and stop the threads."""
        with self._lock:
            self._closed = True
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> OCRPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _cached(self, key: PageKey) -> Page | None:
        return self._cache.get(key) if self._cache else None

    def _work(self, key: PageKey, image: Image, engine: OCREngine, keep: bool) -> Page:
        try:
            # Once more: the page may have been finished between the look into the cache and the submit.
            page = self._cached(key)
            if page is None:
                with OCR_SECONDS.labels(engine.id).time():
                    page = engine.read(image)
                if keep:
                    self._store(key, page)
            return page
        finally:
            with self._lock:
                del self._running[key]

    def _store(self, key: PageKey, page: Page) -> None:
        if self._cache is None:
            return
        try:
            self._cache.put(key, page)
        except OSError as error:  # a full disk costs time, not the page
            _log.warning("The OCR cache cannot be written (%s); pages are read again each time.", error.strerror)


def _lower_priority() -> None:
    # Linux alone gives each thread a priority of its own, under its thread id; elsewhere this would slow the whole process.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(PermissionError):  # whoever was started at a lower one still may not go up to ours
            os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
