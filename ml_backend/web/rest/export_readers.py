"""Those who read exports: each holds one of the server's threads to its last byte, so they are few, and none may stall."""

from __future__ import annotations

from collections.abc import Callable
from threading import BoundedSemaphore

from flask import Response, request

from ml_backend.web.problem import problem

_AT_ONCE = 4  # in a process
_PATIENCE = 10  # seconds after which to ask again
STALLED = 60.0  # seconds in which a reader must take the next 64 KB, else it is gone


class ExportReaders:
    """Who reads an export, of whatever kind, in one application."""

    def __init__(self) -> None:
        self._free = BoundedSemaphore(_AT_ONCE)

    def serve(self, make: Callable[[], Response]) -> Response:
        """The answer that ``make`` gives, counted to its last byte or until its reader is gone; 503 where there are too many."""
        if not self._free.acquire(blocking=False):
            answer = problem(503, "exports_busy", f"{_AT_ONCE} exports are being read already. Try again in a while.")
            answer.headers["Retry-After"] = str(_PATIENCE)
            return answer
        try:
            answer = make()
        except BaseException:
            self._free.release()
            raise
        answer.direct_passthrough = False  # else nobody is told of its end
        answer.call_on_close(self._free.release)
        if client := request.environ.get("gunicorn.socket"):
            client.settimeout(STALLED)
        return answer
