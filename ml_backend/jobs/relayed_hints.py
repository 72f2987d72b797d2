"""Hints for Redis that nobody has to wait for: what Redis does not take at once lies in a folder of this machine until it does.

Label Studio hangs up on a webhook after a second, and sends it once; a Redis that hangs keeps who asks it waiting for many. So a
hint is in Redis or on this disk before it is acknowledged, whichever comes first, and a thread passes on what lies here: also
what a process that was killed has left.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path

from ml_backend.errors import StoreError
from ml_backend.jobs.hints import FolderHints, Hints

log = logging.getLogger(__name__)

PATIENCE = 0.3  # seconds that Redis is given to take a hint
_EVERY = 1.0  # seconds between looks at what lies here


class RelayedHints:
    """The hints of ``there``, which may hang; ``folder`` keeps what it has not taken. ``leave`` returns within ``patience``
    seconds; the other methods, which workers call, wait for ``there`` as long as that takes."""

    def __init__(self, there: Hints, folder: Path, patience: float = PATIENCE) -> None:
        self._there = there
        self._kept = FolderHints(folder)
        self._patience = patience
        self._away = threading.Event()  # then it is not waited for, until the thread has reached it
        self._stop = threading.Event()
        self._kept.recover()
        threading.Thread(target=self._pass_on_until_closed, name="hints", daemon=True).start()

    def leave(self, project_id: int) -> None:
        if self._away.is_set() or not self._taken_at_once(project_id):
            self._kept.leave(project_id)

    def take(self) -> list[int]:
        return self._there.take()

    def finish(self, project_id: int) -> None:
        self._there.finish(project_id)

    def recover(self) -> None:
        self._there.recover()

    def close(self) -> None:
        self._stop.set()
        self._there.close()

    def _taken_at_once(self, project_id: int) -> bool:
        """Asked in a thread of its own: no time limit of a socket holds for the look-up of a name."""
        taken = threading.Event()

        def ask() -> None:
            with suppress(StoreError):
                self._there.leave(project_id)
                taken.set()
            asked.set()

        asked = threading.Event()
        threading.Thread(target=ask, name="hint", daemon=True).start()
        asked.wait(self._patience)
        if not taken.is_set() and not self._away.is_set():
            self._away.set()
            log.warning("Redis takes no hint within %g s; they are kept on this machine until it does.", self._patience)
        return taken.is_set()

    def _pass_on_until_closed(self) -> None:
        while not self._stop.wait(_EVERY):
            try:
                self._pass_on()
            except StoreError:
                continue  # said when it went away
            except Exception:
                log.exception("hints go on being passed on after a fault")
            else:
                if self._away.is_set():
                    self._away.clear()
                    log.warning("Redis takes hints again.")

    def _pass_on(self) -> None:
        """Raises StoreError where Redis is still away; what it has not taken lies here as before then."""
        waiting = self._kept.take()
        if self._away.is_set() and not waiting:
            self._there.recover()  # a question like any other, to see whether it answers
        while waiting:
            try:
                self._there.leave(waiting[0])
            except StoreError:
                for project_id in waiting:
                    self._kept.leave(project_id)
                    self._kept.finish(project_id)
                raise
            self._kept.finish(waiting.pop(0))
