"""Brings what a training process needs out of the bucket: the process has no key to it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ml_backend.errors import DocloopError, ModelRejected
from ml_backend.services import Services, page_files
from ml_backend.store.records import RunRecord
from ml_backend.store.store import Store
from training.rounds import version_name

log = logging.getLogger(__name__)

BUDGET = 30.0  # seconds for the pages that the report shows; without them it shows no scans
BEAT = 3.0  # seconds between two heartbeats: the run is claimed already, and would count as dead while we wait for a bucket


def bring(services: Services, run: RunRecord, every: float = BEAT) -> None:
    """The champion of the run's project, which the new version is compared with; the version, if an attempt before this one made
    it on another machine; the pages of the newest documents. What cannot be brought is logged and done without. ``every``:
    seconds between heartbeats."""
    with _alive(services.store, run, every) as unwanted:
        try:
            _bring(services, run, unwanted)
        except (DocloopError, OSError) as error:
            why = error.for_log if isinstance(error, DocloopError) else error.strerror
            log.warning(
                "run %d of project %d goes on without all that the storage has: %s", run.number, run.project_id, why
            )


def _bring(services: Services, run: RunRecord, unwanted: threading.Event) -> None:
    project_uid = run.project_uid
    services.registry.best(project_uid)
    with suppress(ModelRejected):
        services.registry.get(project_uid, version_name(run))
    files, ends = page_files(services.settings), time.monotonic() + BUDGET
    there = services.store.samples.contents(project_uid)
    for content in sorted(there, key=there.__getitem__, reverse=True):
        if unwanted.is_set() or time.monotonic() > ends:
            return
        files.get(content)


@contextmanager
def _alive(store: Store, run: RunRecord, every: float) -> Iterator[threading.Event]:
    """Show a sign of life of the run meanwhile. The event is set once it was cancelled, or is another's."""
    ended, unwanted = threading.Event(), threading.Event()

    def beat() -> None:
        while not ended.wait(every):
            with suppress(DocloopError):  # a database that is away: the next time may be luckier
                now = store.runs.heartbeat(run.id, run.attempt, time.time(), "bring", 0.0)
                if now is None or now.cancel:
                    unwanted.set()

    thread = threading.Thread(target=beat, name="bringing", daemon=True)
    thread.start()
    try:
        yield unwanted
    finally:
        ended.set()
        thread.join()
