"""A connection to PostgreSQL that gives up on a server which does not answer any more.

A machine that vanished or froze sends no error: without this the caller waits for ever, and a web process with him, thread by
thread. psycopg is imported by who asks for PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

PATIENCE = 120.0  # seconds for one statement; the longest of ours, an upgrade, waits as long for another one's

Answer = TypeVar("Answer")


class Connection(psycopg.Connection[Any]):
    """Closes itself, and raises OperationalError, where a statement takes longer than ``PATIENCE``."""

    def wait(self, gen: Generator[Any, Any, Answer], *arguments: Any, **options: Any) -> Answer:
        return super().wait(self._limited(gen), *arguments, **options)

    def _limited(self, steps: Generator[Any, Any, Answer]) -> Generator[Any, Any, Answer]:
        """The steps of a statement, each told what the socket is ready for: nothing (0), now and then, while all is silent."""
        ends = time.monotonic() + PATIENCE
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > ends:
                    self.pgconn.finish()  # else the rollback would wait, too
                    raise psycopg.OperationalError(f"no answer within {PATIENCE:g} s")
                wanted = steps.send(ready)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
