"""Predictions for a project's open tasks, made by its champion and ranked, by one worker at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from ml_backend.answered_tasks import IMPORT, import_lease, is_importing
from ml_backend.document.version_names import version_name
from ml_backend.errors import DocloopError
from ml_backend.label_studio.client import Project
from ml_backend.services import Services, build_services
from ml_backend.settings import Settings
from ml_backend.store.holding import Lease, held
from ml_backend.store.store import Store
from training.fan_out import FanOut
from training.pauses import Pauses
from training.push import Push, PushReport
from training.ranking import StoreRanking, UsualBlocks, observer, thresholds
from training.recover import Recovery
from training.telling import Telling
from training.tidy import tidy

log = logging.getLogger(__name__)

PUSH_RUNNING = "push_running"
_WAIT = "Wait until that is done."
_LAST_PAUSE = 3600.0  # seconds between tries to record a prediction of a document that it cannot be told of


def build_ranking_services(settings: Settings) -> Services:
    """The parts of a process that pushes: its predictor notes of each document what the ranking wants to know."""
    return build_services(settings, observe=observer(thresholds(settings)))


class Pusher:
    """Pushes to one project after the other. The services must be those of ``build_ranking_services``; ``clock`` counts the
    seconds of pauses, ``me`` is the lease of the worker whose pusher this is."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic, me: str = "") -> None:
        self._services = services
        self._me = me
        self._led: set[str] = set()  # uids
        self._usual_blocks = UsualBlocks()
        self._baseline = services.champions.baseline.version
        self._pauses = Pauses(clock, last=_LAST_PAUSE)
        self._tidied: dict[str, str] = {}  # project -> the version for which everything older is gone

    def leads(self, project_uid: str) -> bool:
        """Whether this pushes to a project just now."""
        return project_uid in self._led

    def push(self, project_id: int, on_progress: Callable[[PushReport], None] = lambda report: None) -> PushReport:
        """Predict and push what a project lacks; the project must have been looked at before.

        Raises:
            DocloopError: ``push_running``: another process is at it; or whatever keeps it from working.
        """
        services, store = self._services, self._services.store
        with held(store, f"push-{project_id}") as mine:
            if not mine:
                raise DocloopError(PUSH_RUNNING, f"Project {project_id} is being predicted already.", _WAIT)
            if is_importing(store, project_id):
                raise DocloopError(PUSH_RUNNING, f"An import to project {project_id} may still be under way.", _WAIT)
            label_studio = services.access.client()
            project = label_studio.project(project_id)
            interface = services.interface(project.label_config)
            version = services.predictor.version(interface, project.uid)
            usual = self._usual_blocks.of(store, project.uid)
            ranking = StoreRanking(store, project.uid, version, thresholds(services.settings), usual)
            fan_out = FanOut(store, services.batches, interface, project.uid, self._me)
            push = Push(
                label_studio,
                services.batches,
                interface,
                project,
                version,
                ranking,
                fan_out.answers,
                partial(_importing, store, project_id, mine),
                on_progress,
            )
            self._led.add(project.uid)
            try:
                report = push.run()
                store.push_batches.clear(project.uid)
            finally:
                self._led.discard(project.uid)
            recovered = Recovery(push, ranking, store, self._pauses).run(report)
            if recovered:
                log.info("project %s: %s predictions that Label Studio had were recorded", project_id, recovered)
            told = Telling(push, ranking, store).run(report.version)
            if told:
                log.info("project %s: %s predictions changed after what was confirmed", project_id, told)
            if not (report.pushed or report.refused):  # late: all open tasks have had the version since the last push
                self._tidy(project, version, interface.fingerprint)
            return report

    def _tidy(self, project: Project, version: str, fingerprint: str) -> None:
        """Take a few old predictions away; nothing is asked of Label Studio again once there are none left."""
        if self._tidied.get(project.uid) == version:
            return
        services, uid = self._services, project.uid
        before = next(reversed(services.registry.history(uid)), "") or self._baseline
        models = services.champions.version_of(uid), before
        readers = services.readers.mark(uid), services.readers.earlier_mark(uid)
        keep = {version, *(version_name(model, fingerprint, reader) for model in models for reader in readers)}
        if not tidy(self._services.access.client(), project.id, keep):
            self._services.store.predictions.drop(project.uid, keep)
            self._tidied[project.uid] = version


@contextmanager
def _importing(store: Store, project_id: int, mine: Lease) -> Iterator[None]:
    """Keep the next pusher out while an import may be under way: what Label Studio has not committed yet, it seems to lack. A
    killed worker's import goes on there without it, and so does one whose answer never came.

    Raises:
        DocloopError: ``push_running``: this machine has slept, and somebody else has taken the push over since; or somebody who
            did so, and slept, imports by now.
    """
    with held(store, import_lease(project_id), IMPORT) as alone:
        if not (alone and mine.renew()):
            raise DocloopError(PUSH_RUNNING, f"Another process pushes to project {project_id} by now.", _WAIT)
        with alone.until_heard():
            yield
