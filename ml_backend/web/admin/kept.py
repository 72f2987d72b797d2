"""Answers that cost seconds in large projects, kept between looks: a page that asks every three seconds must cost nearly nothing.

Each is made in a thread of its own, by one at a time, and not again before ten times as long has gone by as it took.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from cachetools import LRUCache

from ml_backend.system_status import FIRST, KEPT, SILENT, Part

_TIMES = 10.0  # as long as it took, an answer is given again
_ANSWERS = 256
_AGAIN = 0.3  # seconds that a newer answer is waited for where there is one already


class Kept:
    """Answers by name. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: LRUCache[str, _Costly] = LRUCache(_ANSWERS)

    def get(self, name: str, make: Callable[[], Mapping[str, Any]], seconds: float = 1.0) -> Mapping[str, Any]:
        """What ``make`` says, now or a little while ago: a mapping with ``ok``.

        Where it is not known yet, it is waited for so many ``seconds``; where it takes longer, or could not be made, ``ok`` is
        False and ``reason`` says why.
        """
        with self._lock:
            costly = self._answers.setdefault(name, _Costly(self._clock))
        return costly.answer(make, seconds)

    def forget(self, name: str) -> None:
        """Somebody has just changed what the answer of this name says: it is made again at the next question."""
        with self._lock:
            costly = self._answers.get(name)
        if costly is not None:
            costly.forget()


class _Costly:
    """One answer. ``Part`` is what asks it in a thread, and says that it broke."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next = float("-inf")
        self._make: Callable[[], Mapping[str, Any]] = dict
        self._last: Mapping[str, Any] | None = None
        self._forgotten = 0  # how often
        self._part = Part(self._look, clock)

    def answer(self, make: Callable[[], Mapping[str, Any]], seconds: float) -> Mapping[str, Any]:
        self._make = make
        if self._clock() >= self._next:
            self._next = self._clock() + KEPT
            self._part.ask()
        found = self._part.answer(seconds if self._last is None else min(seconds, _AGAIN))
        being_made = not found["ok"] and found["reason"] in (FIRST, SILENT)
        return self._last if being_made and self._last is not None else found

    def forget(self) -> None:
        self._forgotten += 1
        self._next = float("-inf")
        self._part.expire()

    def _look(self) -> Mapping[str, Any]:
        began, forgotten = self._clock(), self._forgotten
        found = {"ok": True, **self._make()}
        if forgotten == self._forgotten:  # else what it says may be of before the change
            self._next = self._clock() + max(KEPT, _TIMES * (self._clock() - began))
        self._last = found
        return found
