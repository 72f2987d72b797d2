"""How long something that failed is left alone: each pause is twice as long as the one before, until it works again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

FIRST, LAST = 15.0, 900.0  # seconds
SHORT = 3.0  # after what is no fault of the work itself: space on a disk is used within ten seconds


class Pauses:
    """Pauses by key, for several threads. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float], first: float = FIRST, last: float = LAST) -> None:
        self._clock = clock
        self._first = first
        self._last = last
        self._until: dict[Hashable, tuple[float, float]] = {}  # key -> (not before, the pause after that)
        self._lock = threading.Lock()

    def over(self, key: Hashable) -> bool:
        """Whether it may be tried (again)."""
        with self._lock:
            return self._clock() >= self._until.get(key, (0.0, 0.0))[0]

    def failing(self, key: Hashable) -> bool:
        """Whether the last try failed, however long ago."""
        with self._lock:
            return key in self._until

    def failed(self, key: Hashable, at_least: float = 0.0) -> float:
        """Note a failure; the seconds until the next try, ``at_least`` those that the other side asked for."""
        with self._lock:
            pause = self._until.get(key, (0.0, self._first))[1]
            wait = max(pause, at_least)
            self._until[key] = (self._clock() + wait, min(2 * pause, self._last))
            return wait

    def disturbed(self, key: Hashable) -> float:
        """Note a failure of our own machine (a full disk, say), which is the same for all; the seconds until the next try."""
        with self._lock:
            pause = self._until.get(key, (0.0, self._first))[1]
            self._until[key] = (self._clock() + SHORT, pause)
            return SHORT

    def worked(self, key: Hashable) -> None:
        """Note a success: the next failure begins with the first pause."""
        with self._lock:
            self._until.pop(key, None)
