"""Pages that other machines have read: a bucket behind the folder of a ``PageCache``.

What is not in the folder is looked for in the bucket, and what was read goes there in the background. A bucket that is slow costs
little and breaks nothing: after ``patience`` seconds nobody waits any more, the page is read here, and for a while nobody asks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import suppress
from pathlib import Path

from ml_backend.counters import SHARED_CACHE
from ml_backend.errors import StorageError
from ml_backend.ocr.cache import PageCache, page_name
from ml_backend.storage import Bucket

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds that a page waits for the bucket
PAUSE = 30.0  # seconds in which it is not asked after it was slow or away
_LARGEST = 20_000_000  # bytes of a page's words
_THREADS = 4
_WAITING = 200  # pages that wait to be sent; more are not


class SharedPageCache(PageCache):
    """Safe for threads; one a process. Close it when done."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        bucket: Bucket,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(folder, max_bytes)
        self._bucket = bucket
        self._patience = patience
        self._clock = clock
        self._asks_again = 0.0
        self._askers = ThreadPoolExecutor(_THREADS, "shared-cache")
        self._senders = ThreadPoolExecutor(_THREADS, "shared-cache-send")
        self._room = threading.BoundedSemaphore(_WAITING)

    def _read(self, name: str) -> bytes:
        """The file of a page: from the folder, else from the bucket, which then is in the folder, too."""
        try:
            return super()._read(name)
        except FileNotFoundError:
            data = self._ask(name)
            if data is None:
                raise
            with suppress(OSError):
                super()._write(name, data)
            return data

    def _write(self, name: str, data: bytes) -> None:
        super()._write(name, data)
        if self._pauses() or not self._room.acquire(blocking=False):
            SHARED_CACHE.labels("not sent").inc()
            return
        try:
            self._senders.submit(self._send, name, data)
        except RuntimeError:  # closed
            self._room.release()

    def keep_only(self, digests: Collection[str]) -> int:
        """As in a folder, and in the bucket. Raises StorageError where that does not answer; the folder is done then."""
        gone, kept = super().keep_only(digests), {page_name(digest) for digest in digests}
        there = [each.key for each in self._bucket.list("pages")]
        left = [key for key in there if key.rpartition("/")[2].partition("-")[0] not in kept]
        self._bucket.delete(left)
        return gone + len(left)

    def keep_only_here(self, digests: Collection[str]) -> int:
        """Forget all pages but these on this machine: another one has seen to the bucket."""
        return super().keep_only(digests)

    def close(self) -> None:
        """Send nothing more; what waits is read again by others."""
        self._askers.shutdown(wait=False, cancel_futures=True)
        self._senders.shutdown(wait=False, cancel_futures=True)

    def _ask(self, name: str) -> bytes | None:
        if self._pauses():
            SHARED_CACHE.labels("skipped").inc()
            return None
        try:
            answer: Future[bytes | None] = self._askers.submit(self._bucket.get, f"pages/{name}", _LARGEST)
            data = answer.result(self._patience)
        except TookTooLong:
            answer.cancel()
            self._pause("slow")
            return None
        except (StorageError, RuntimeError) as error:
            self._pause(error.code if isinstance(error, StorageError) else "closed")
            return None
        SHARED_CACHE.labels("miss" if data is None else "hit").inc()
        return data

    def _send(self, name: str, data: bytes) -> None:
        try:
            if not self._pauses():
                self._bucket.put(f"pages/{name}", data)
                SHARED_CACHE.labels("sent").inc()
        except StorageError as error:
            SHARED_CACHE.labels("not sent").inc()
            self._pause(error.code)
        finally:
            self._room.release()

    def _pauses(self) -> bool:
        return self._clock() < self._asks_again

    def _pause(self, why: str) -> None:
        SHARED_CACHE.labels(why).inc()
        log.warning("The shared OCR cache is left alone for %.0f s (%s).", PAUSE, why)
        self._asks_again = self._clock() + PAUSE
