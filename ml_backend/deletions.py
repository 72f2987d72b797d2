"""Deletions, seen by every process: what it remembers of documents that another one has deleted goes within seconds.

One worker learns that a document was deleted and takes it out of the store and the data folder. Web processes and other workers,
on this machine or on others, hold predictions, models and confirmed documents in memory; the store's mark of deletions is all
that they need to ask for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ml_backend.errors import DocloopError

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two questions


class Deletions:
    """One a process, safe for threads. ``mark`` is another text when something was deleted; ``forget`` is called then, ``tidy``
    at every question: the files of a model follow a little later, and what is old goes of itself."""

    def __init__(self, mark: Callable[[], str], forget: Callable[[], None], tidy: Callable[[], None]) -> None:
        self._mark = mark
        self._forget = forget
        self._tidy = tidy
        self._known = ""
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def check(self) -> None:
        """Let go of what is not to be remembered any more. Raises StoreError if the store does not answer."""
        with self._lock:
            mark = self._mark()
            if mark != self._known:
                self._forget()
                self._known = mark
        self._tidy()

    def watch(self, every: float = EVERY) -> None:
        """Check every few seconds, in a thread of its own, until ``close``: also where nobody asks for anything."""
        threading.Thread(target=self._watch, args=(every,), name="deletions", daemon=True).start()

    def close(self) -> None:
        """End the thread; it is not waited for."""
        self._stop.set()

    def _watch(self, every: float) -> None:
        while not self._stop.wait(every):
            try:
                self.check()
            except DocloopError as error:  # a database that is away: the next time may be luckier
                log.debug("deletions cannot be asked for: %s", error.code)
            except Exception:
                log.exception("deletions are asked for again after a fault")
