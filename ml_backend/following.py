"""Keeps this machine's copies as the bucket has them, in a thread: what others promote serves here within seconds, what they
forgot leaves this machine within a minute, and what they exported is listed by then.

Who forgets documents changes one small object; every other process sees that, and compares its own copies with the store, as it
does once when it starts: it may have been off while others forgot.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ml_backend.errors import DocloopError
from ml_backend.storage import Bucket

if TYPE_CHECKING:
    from ml_backend.models.shared_registry import SharedRegistry

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between looks at what was promoted
_LOOK_FORGOTTEN = 20.0  # seconds between looks at what was forgotten and exported
_FORGOTTEN = "forgotten"
_LEFT = 3600.0  # seconds after which nobody writes a file any more
_NOT_YET = "not compared yet"


class Following:
    """``registries`` follow the bucket; ``compare`` takes what the store does not have any more off this machine;
    ``exchange`` brings what others exported."""

    def __init__(
        self,
        bucket: Bucket,
        registries: Sequence[SharedRegistry],
        compare: Callable[[], None],
        exchange: Callable[[], None] = lambda: None,
    ) -> None:
        self._bucket = bucket
        self._registries = registries
        self._compare = compare
        self._exchange = exchange
        self._seen = _NOT_YET
        self._next_look = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop. A call to a bucket that hangs is not waited for."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def turn(self) -> None:
        """One look; nothing that is wrong with the bucket ends the thread."""
        for registry in self._registries:
            registry.follow()
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_FORGOTTEN
            try:
                self._look_forgotten()
                self._exchange()
            except (DocloopError, OSError) as error:
                log.warning("what others forgot and exported is not known yet: %s", error)

    def _look_forgotten(self) -> None:
        mark = (self._bucket.get(_FORGOTTEN, 100) or b"").decode("ascii", "replace")
        if mark != self._seen:
            self._compare()
            self._seen = mark

    def _run(self) -> None:
        for registry in self._registries:
            registry.tidy()  # what a killed process had brought in part
        while True:
            try:
                self.turn()
            except Exception:
                log.exception("the copies on this machine go on following the storage after a fault")
            if self._stop.wait(EVERY):
                return


def tell_forgotten(bucket: Bucket) -> None:
    """Have all machines compare their copies with the store. Raises StorageError."""
    bucket.put(_FORGOTTEN, uuid.uuid4().hex.encode())
    bucket.tidy(time.time() - _LEFT)
