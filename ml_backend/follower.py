"""Keeps projects pre-annotated: takes the hints that webhooks leave, and pushes predictions for tasks that have none.

Level-triggered: a hint says only where to look, and at the start and once an hour all connected projects are looked at without
one. A push that fails is tried again after a pause that grows; so is a task (``batches``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ml_backend.credentials import WEBHOOK_HEADER
from ml_backend.errors import DocloopError
from ml_backend.label_studio.refusals import TASK_GONE
from ml_backend.services import Services

log = logging.getLogger(__name__)

_PAUSE = 1.0  # seconds between looks; an import of many files is one look
_SWEEP = 3600.0  # seconds between looks at all connected projects
_SHARE, _LONGEST_REST = 5.0, 60.0  # a project rests five times as long as a look at it took, at most a minute
_FIRST_RETRY, _LAST_RETRY = 15.0, 900.0  # seconds; each retry waits twice as long as the one before
_HOPELESS = frozenset(
    {
        "config_not_xml",
        "config_without_image",
        "config_without_boxes",
        "config_field_type_unknown",
        "label_studio_no_token",
        "label_studio_not_found",
    }
)  # mended only by a change of the project or of our settings: that brings a new hint, or a new start


# Of tasks: what stays so until somebody changes the task, and what may pass although its kind does not.
_LASTING = frozenset({"task_without_image", "fetch_not_found", "fetch_too_large", "fetch_encoded", TASK_GONE})
_MAY_MEND = frozenset({"image_timeout", "image_out_of_memory", "image_child_failed"})


class Follower(threading.Thread):
    """One thread beside the web application."""

    def __init__(self, services: Services, pause: float = _PAUSE, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name="follower", daemon=True)
        self._services = services
        self._pause = pause
        self._clock = clock
        self._next_sweep = clock()
        self._retries: dict[int, tuple[float, float]] = {}  # project -> (not before, next pause)
        self._state = ""
        self._stopped = threading.Event()

    def run(self) -> None:
        recovered = False
        while not self._stopped.wait(self._pause):
            try:
                if not recovered:
                    self._services.hints.recover()
                    recovered = True
                self.sweep()
                self.look()
            except Exception:
                log.exception("the follower goes on after")  # a full disk, say: this thread serves all projects

    def sweep(self) -> None:
        """Leave a hint for every project that was connected to this docloop, when it is time to: webhooks get lost."""
        if self._clock() < self._next_sweep:
            return
        self._next_sweep = self._clock() + _SWEEP
        try:
            secret = self._services.credentials.webhook_secret
            connected = self._services.access.client().projects_with_webhook(WEBHOOK_HEADER, secret)
        except DocloopError as error:
            if error.code not in _HOPELESS:
                self._next_sweep = self._clock() + _FIRST_RETRY
            self._tell(logging.WARNING, str(error))
            return
        self._tell(logging.INFO, f"Label Studio answers; {len(connected)} of its projects are connected here.")
        for project_id in connected:
            self._services.hints.leave(project_id)

    def _tell(self, level: int, state: str) -> None:
        """Log how it stands with Label Studio, when that has changed."""
        if state != self._state:
            self._state = state
            log.log(level, state)

    def look(self) -> None:
        """Push to every project that changed and whose pause after an error is over."""
        hints = self._services.hints
        for project_id in hints.take():
            not_before, _ = self._retries.get(project_id, (0.0, 0.0))
            if self._clock() < not_before or not self._follow(project_id):
                hints.leave(project_id)
            hints.finish(project_id)

    def _follow(self, project_id: int) -> bool:
        """Whether the project is done with, for now."""
        began = self._clock()
        try:
            report = self._services.push(project_id, wait=False)
        except Exception as error:
            # This thread serves all projects: none may end it, not even by a fault of ours.
            code = error.code if isinstance(error, DocloopError) else "internal_error"
            log.warning("project %s is not followed: %s", project_id, code, exc_info=code == "internal_error")
            return code in _HOPELESS or self._try_later(project_id)
        if report.pushed or report.failed:
            log.info(
                "project %s: %s predictions pushed, %s tasks failed", project_id, report.pushed, len(report.failed)
            )
        rest = min(_LONGEST_REST, _SHARE * (self._clock() - began))
        open_ends = any(_may_mend(error.code) for error in report.failed.values())
        self._retries[project_id] = (self._clock() + max(rest, _FIRST_RETRY * open_ends), _FIRST_RETRY)
        return not open_ends

    def _try_later(self, project_id: int) -> bool:
        _, pause = self._retries.get(project_id, (0.0, _FIRST_RETRY))
        self._retries[project_id] = (self._clock() + pause, min(2 * pause, _LAST_RETRY))
        return False

    def stop(self) -> None:
        """Stop after the push that runs."""
        self._stopped.set()


def _may_mend(code: str) -> bool:
    """Whether a task that failed for this reason may come right by itself. ``batches`` says how soon it is tried again."""
    return code in _MAY_MEND or not (code.startswith(("image_", "pdf_", "url_")) or code in _LASTING)
