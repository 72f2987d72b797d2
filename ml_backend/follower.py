"""Keeps projects pre-annotated: takes the hints that webhooks leave, and pushes predictions for tasks that have none.

Level-triggered: a hint says only where to look. Whatever fails is looked at again, after a pause.
"""

from __future__ import annotations

import logging
import threading
import time

from ml_backend.errors import DocloopError
from ml_backend.services import Services

log = logging.getLogger(__name__)

_PAUSE = 1.0  # seconds between looks; an import of many files is one look
_PAUSE_AFTER_ERROR = 30.0


class Follower(threading.Thread):
    """One thread beside the web application."""

    def __init__(self, services: Services, pause: float = _PAUSE) -> None:
        super().__init__(name="follower", daemon=True)
        self._services = services
        self._pause = pause
        self._not_before: dict[int, float] = {}
        self._stopped = threading.Event()

    def run(self) -> None:
        self._services.hints.recover()
        while not self._stopped.wait(self._pause):
            self.look()

    def look(self) -> None:
        """Push to every project that changed and whose pause after an error is over."""
        hints = self._services.hints
        for project_id in hints.take():
            if self._not_before.get(project_id, 0.0) > time.monotonic() or not self._follow(project_id):
                hints.leave(project_id)
            hints.finish(project_id)

    def _follow(self, project_id: int) -> bool:
        """Whether the project is done with, for now."""
        try:
            report = self._services.push(project_id)
        except Exception as error:
            # This thread serves all projects: none may end it, not even by a fault of ours.
            code = error.code if isinstance(error, DocloopError) else ""
            log.warning("project %s is not followed: %s", project_id, error, exc_info=None if code else error)
            self._not_before[project_id] = time.monotonic() + _PAUSE_AFTER_ERROR
            # A wrong interface or a missing token will not mend itself; the next change of the project brings a new hint.
            return code not in ("", "label_studio_unreachable")
        if report.pushed or report.failed:
            log.info(
                "project %s: %s predictions pushed, %s tasks failed", project_id, report.pushed, len(report.failed)
            )
        return True

    def stop(self) -> None:
        """Stop after the push that runs."""
        self._stopped.set()
