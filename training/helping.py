"""A worker helps with the others' pushes, also while it leads one of another project: it looks once a second for batches that
nobody has. Those of a project that rests stay where they are until it is resumed.

It takes part with the very version that a batch is of: the same champion, reader and labelling interface. A worker with another
one, say because model versions are not on a shared storage, leaves the batch alone. It answers predictions only: what it cannot
read may be readable to others, and the leader tells of failures. It has threads of its own, beside those of the queue: looks do
not wait for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from ml_backend.batches import Outcome
from ml_backend.errors import DocloopError
from ml_backend.pausing import all_paused, paused
from ml_backend.services import Services
from ml_backend.store.push_batches import Claim
from training.hands import Hands, Share, stopped
from training.pauses import Pauses

log = logging.getLogger(__name__)

_LOOK = 1.0  # seconds


class Helper:
    """Helps with one project at a time. ``leads`` says of which projects (by uid) this worker leads the push itself; ``place`` is
    taken while it helps, so that a worker does not take on more than it can do."""

    def __init__(
        self,
        services: Services,
        leads: Callable[[str], bool],
        place: threading.Semaphore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._leads = leads
        self._place = place
        self._pauses = Pauses(clock)

    def run(self, stop: threading.Event) -> None:
        """Until ``stop`` is set."""
        while not stop.wait(_LOOK):
            try:
                self.turn(stop)
            except DocloopError:  # a database that is away; the ticker says so
                continue
            except Exception:
                log.exception("the worker goes on after a fault at helping")

    def turn(self, stop: threading.Event) -> int:
        """Help with the first project whose batches this worker can do, until all are taken; how many documents it predicted."""
        store, now = self._services.store, time.time()
        resting = all_paused(store, now)
        for uid, version in store.push_batches.wanting(now):
            if uid in resting or self._leads(uid) or not self._pauses.over((uid, version)):
                continue
            share = self._share(uid, version)
            if share is not None and self._place.acquire(blocking=False):
                try:
                    return self._help(share, stop)
                finally:
                    self._place.release()
        return 0

    def _share(self, uid: str, version: str) -> Share | None:
        """Our part in it; None where our answers would be another version's."""
        services = self._services
        project = services.store.projects.get(uid)
        if project is None:
            return None
        interface = services.interface(project.label_config)
        if services.predictor.version(interface, uid) != version:
            pause = self._pauses.failed((uid, version))
            log.info("project %s: its push needs %s, which this worker has not; again in %.0f s", uid, version, pause)
            return None
        return Share(services.store, services.batches, interface, uid, version)

    def _help(self, share: Share, stop: threading.Event) -> int:
        done: list[int] = []

        def keep(claim: Claim, outcomes: Sequence[Outcome]) -> bool:
            kept = self._answer(share, claim, outcomes)
            done.append(kept or 0)
            return kept is not None and not paused(share.store, share.project_uid, time.time())

        with Hands(share, keep, stay=False) as hands:
            hands.wait(stop)
        if sum(done):
            log.info("project %s: %s predictions made for the worker that pushes", share.project_uid, sum(done))
        return sum(done)

    def _answer(self, share: Share, claim: Claim, outcomes: Sequence[Outcome]) -> int | None:
        """Give the leader what came of a batch: how many predictions; None: it is left for others, and so are others a while."""
        made = share.made(claim, outcomes)
        if stopped(outcomes) or (claim.documents and not made):
            self._pauses.failed((share.project_uid, share.version))
            return None
        share.answer(claim, made)
        self._pauses.worked((share.project_uid, share.version))
        return len(made)
