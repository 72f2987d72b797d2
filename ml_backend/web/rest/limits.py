"""What one request may take of the server: bytes and values of its body, and a place among those who do something costly.

The server has 32 threads. Those who want the same costly thing get a few of them, and who comes when these are taken is told to
come again: some stay free for /health and Label Studio's webhooks. A place is taken before the body is read, so that no more
large bodies lie in memory than there are places; whoever stops sending loses it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import request

from ml_backend.errors import DocloopError

MOST_BYTES = 64 * 1024  # of a JSON body, where a route says nothing else
MOST_VALUES = 200_000  # of any; 1 MB of "[]," would be 30 MB of objects
STALLED = 60.0  # seconds in which the next bytes of a body must come
_TURN = 10.0  # seconds, at most
_MARK = "docloop_limits"
View = TypeVar("View", bound=Callable[..., Any])


class Places:
    """So many places at once, and so many who may wait in ``line`` for one; ``code`` is that of the refusal, a 503."""

    def __init__(self, code: str, places: int, line: int = 0) -> None:
        self._code = code
        self._inside, self._free = threading.BoundedSemaphore(places + line), threading.BoundedSemaphore(places)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place. Raises DocloopError: there is none, or it did not come."""
        with self._one(self._inside, 0), self._one(self._free, _TURN):
            if client := request.environ.get("gunicorn.socket"):
                client.settimeout(STALLED)
            yield

    @contextmanager
    def _one(self, places: threading.BoundedSemaphore, seconds: float) -> Iterator[None]:
        if not places.acquire(timeout=seconds):
            raise DocloopError(self._code, "Too many ask for this at once.", "Try again in a few seconds.")
        try:
            yield
        finally:
            places.release()


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one route. ``most_bytes`` is of a JSON body; files may be as large as the application takes."""

    most_bytes: int = MOST_BYTES
    places: Places | None = None


def limited(places: Places | None = None, most_bytes: int = MOST_BYTES) -> Callable[[View], View]:
    """Mark a view with its limits. Put it below ``add``, which keeps them."""

    def mark(view: View) -> View:
        setattr(view, _MARK, Limits(most_bytes, places))
        return view

    return mark


def limits_of(view: Callable[..., Any]) -> Limits:
    """The limits of a view; those of a small question unless it says otherwise."""
    found = getattr(view, _MARK, None)
    return found if isinstance(found, Limits) else Limits()
