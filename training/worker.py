"""The worker: follows projects, and does what is missing.

Once a second it takes hints, polls the projects that are due, and looks for runs that wait or died; the work itself are three
kinds of jobs: ``look`` (reconcile, samples, decide), ``push`` (predictions) and ``train``. Level-triggered: a job that is lost
with its worker is found missing at the next turn. What fails, because Label Studio does not answer say, waits and is tried again
after a pause that grows; its project says since when and why.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from ml_backend.batches import STOPPED
from ml_backend.credentials import WEBHOOK_HEADER
from ml_backend.errors import DocloopError, LabelStudioError, StoreError
from ml_backend.jobs.queue import JobQueue, open_queue
from ml_backend.label_studio.refusals import BUSY, PROJECT_GONE
from ml_backend.pausing import all_paused, paused
from ml_backend.services import Services, store_url
from ml_backend.settings import Settings
from ml_backend.status import WORKER
from ml_backend.store.holding import held
from ml_backend.store.records import RunRecord
from training.bringing import bring
from training.disturbances import disturbance
from training.forgetting import forget_deleted, forget_project
from training.helping import Helper
from training.layout_runs import announce, layout_training, takes
from training.look import look, seen_with
from training.pauses import FIRST, SHORT, Pauses
from training.push import SUPERSEDED, PushReport
from training.push_job import PUSH_RUNNING, Pusher, build_ranking_services
from training.run_limits import SILENCE, Limits, default_memory
from training.supervisor import Supervisor, reap
from training.train_child import train, train_and_send

log = logging.getLogger(__name__)

_TICK = 1.0  # seconds
_DISCOVER = 3600.0  # seconds between looks at which projects have a webhook of ours
_DAY = 86_400.0  # seconds for which leases that ran out are kept
_THREADS = 4  # a training holds one, pushes at most two: there is always one for looks, which are short
_PUSHES = 2  # helping with another worker's push, which has threads of its own, counts as one
_NEXT_TRY = 5.0  # seconds until a job that found no place is tried again
_PAUSED = "paused"  # the code of a push during which somebody let the project rest
_NO_FAULTS = frozenset({PUSH_RUNNING, STOPPED, SUPERSEDED, _PAUSED})
_STOP_WITHIN = 15.0  # seconds from the signal to the end, whoever is waited for
_JUMP = 5.0  # seconds between the two clocks that mean that the machine slept, or that somebody set the time
_HUNG = 60.0  # seconds without a turn after which the worker counts as dead
_FULL, _ROOM = 60.0, 32_000_000  # seconds that a broken training waits for so many bytes of disk
_ALIVE = 15.0  # seconds that the lease of a worker lasts


class Worker:
    """One worker. ``clock`` counts seconds for pauses; times that are stored come from ``now``."""

    def __init__(
        self,
        services: Services,
        queue: JobQueue,
        supervisor: Supervisor,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._services = services
        self._queue = queue
        self._supervisor = supervisor
        self._clock = clock
        self._now = now
        self._pauses = Pauses(clock)
        self._name = f"{WORKER}{socket.gethostname()}-{os.getpid()}"
        self._pusher = Pusher(services, me=self._name)
        self._next_discovery = clock()
        self._next_forgetting = clock()
        self._polled: dict[int, float] = {}
        self._state = ""
        self._last_now, self._last_clock, self._reap_from = now(), clock(), 0.0
        self._turned_at = clock()
        self._full_until = clock()
        self._training = threading.Lock()
        self._pushing = threading.BoundedSemaphore(_PUSHES)
        self._helper = Helper(services, self._pusher.leads, self._pushing, clock)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then finish the looks that run, and give a training back."""
        ticker = threading.Thread(target=self._tick_until, args=(stop,), name="ticker")
        helper = threading.Thread(target=self._helper.run, args=(stop,), name="helper")
        ticker.start()
        helper.start()
        try:
            self._queue.run({"look": self.look, "push": self.push, "train": self.train}, _THREADS, stop)
        finally:
            stop.set()
            ticker.join()
            helper.join()
            self._services.store.leases.release(self._name, self._name)

    def alive(self) -> bool:
        """Whether the worker still takes its turns. One whose database is away does: starting it anew would help nobody."""
        return self._clock() - self._turned_at < _HUNG

    # -- once a second -------------------------------------------------------------------------------------------------

    def _tick_until(self, stop: threading.Event) -> None:
        while not stop.wait(_TICK):
            self._turned_at = self._clock()
            try:
                self.tick()
            except DocloopError as error:  # a database or Redis that is away: the next second may be luckier
                self._tell(logging.WARNING, error.for_log)
            except Exception:
                log.exception("the worker goes on after a fault")  # this thread serves all projects

    def tick(self) -> None:
        """See what there is to do, and put it into the queue."""
        services = self._services
        services.store.leases.take(self._name, self._name, self._now(), _ALIVE)
        announce(services.store.leases, services.settings, self._name, self._now())
        services.hints.recover()
        self._discover()
        self._poll()
        for project_id in services.hints.take():
            try:
                if self._pauses.over(("look", project_id)):
                    self._queue.enqueue("look", project_id)
                    continue
            except StoreError as error:  # a full disk, or Redis: the hint is there for the next turn
                self._tell(logging.WARNING, error.for_log)
            services.hints.leave(project_id)
            services.hints.finish(project_id)
        self._reap()
        if not self._training.locked() and self._has_room():
            resting = all_paused(services.store, self._now())
            waiting = (run for run in services.store.runs.requested() if run.project_uid not in resting)
            if run := next(filter(self._takes, waiting), None):
                self._queue.enqueue("train", run.id)

    def _takes(self, run: RunRecord) -> bool:
        return takes(self._services.store.leases, self._services.settings, run, self._now())

    def _has_room(self) -> bool:
        """Whether a training may begin: after one that the disk has broken there must be room again, or a minute have passed."""
        left = self._full_until - self._clock()
        return left <= 0 or (left < _FULL - SHORT and shutil.disk_usage(self._services.settings.data_dir).free >= _ROOM)

    def _reap(self) -> None:
        """Begin runs again whose worker died. Not after this machine has slept: all heartbeats look old then, its own too."""
        if abs((self._now() - self._last_now) - (self._clock() - self._last_clock)) > _JUMP:
            self._reap_from = self._clock() + SILENCE
        self._last_now, self._last_clock = self._now(), self._clock()
        if self._clock() >= self._reap_from:
            for run in reap(self._services.store, self._now()):
                self._services.hints.leave(run.project_id)  # what it left is tidied by a look

    def _discover(self) -> None:
        """Follow every project whose webhook carries our secret: connected while no worker ran, or by hand."""
        if self._clock() < self._next_discovery:
            return
        self._next_discovery = self._clock() + _DISCOVER
        self._services.store.leases.sweep(self._now() - _DAY)
        try:
            secret = self._services.credentials.webhook_secret
            connected = self._services.access.client().projects_with_webhook(WEBHOOK_HEADER, secret)
        except DocloopError as error:
            self._next_discovery = self._clock() + FIRST
            self._tell(logging.WARNING, error.for_log)
            return
        self._tell(logging.INFO, f"Label Studio answers; {len(connected)} of its projects have docloop's webhook.")
        for project_id in connected:
            self._services.hints.leave(project_id)

    def _poll(self) -> None:
        """Webhooks get lost, and some Label Studios may not call us at all: every followed project is looked at now and then."""
        every = self._services.settings.poll_seconds
        known = self._services.store.projects.all()
        if not any(project.followed for project in known) and self._clock() >= self._next_forgetting:
            self._next_forgetting = self._clock() + every
            forget_deleted(self._services, self._now())  # elsewhere a look does that, but nobody looks at anything here
        for project in known:
            last = self._polled.setdefault(project.project_id, self._clock() - every)
            if project.followed and self._clock() - last >= every:
                self._polled[project.project_id] = self._clock()
                self._services.hints.leave(project.project_id)

    def _tell(self, level: int, state: str) -> None:
        """Log how it stands with Label Studio, when that has changed."""
        if state != self._state:
            self._state = state
            log.log(level, state)

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def look(self, project_id: int) -> None:
        """Reconcile, collect samples, decide; then have what is missing predicted."""
        done = False
        try:
            with held(self._services.store, f"look-{project_id}") as mine:
                if not mine:  # somebody else's, who does not know of what this one was for
                    self._queue.enqueue("look", project_id, _NEXT_TRY)
                    return
                done = self._look(project_id)
        except StoreError as error:
            self._note(("look", project_id), error)
        if not done:
            self._services.hints.leave(project_id)
        self._services.hints.finish(project_id)

    def _look(self, project_id: int) -> bool:
        """Whether there is nothing more to do, for now."""
        try:
            report = look(self._services, project_id, self._pauses, self._now)
        except LabelStudioError as error:
            if error.code != PROJECT_GONE:
                return self._note(("look", project_id), error)
            try:
                return self._gone(project_id, error)
            except DocloopError as other:
                return self._note(("look", project_id), other)
        except Exception as error:
            return self._note(("look", project_id), error)
        if report.run is not None:
            log.info("project %s: run %s begins: %s", project_id, report.run.number, report.decision.reason)
        self._worked(("look", project_id))
        self._queue.enqueue("push", project_id)
        return not report.unfinished

    def push(self, project_id: int) -> None:
        """Predictions for what has none of the champion's."""
        if self._rests(project_id):
            return
        if not self._pauses.over(("push", project_id)):
            return
        if not self._pushing.acquire(blocking=False):
            self._queue.enqueue("push", project_id, _NEXT_TRY)
            return
        try:
            report = self._pusher.push(project_id, partial(self._stop_if_paused, project_id))
        except Exception as error:
            if not (isinstance(error, DocloopError) and error.code in _NO_FAULTS):
                self._note(("push", project_id), error)
            return
        finally:
            self._pushing.release()
        if report.pushed:
            log.info(
                "project %s: %s predictions pushed, %s tasks failed", project_id, report.pushed, len(report.failed)
            )
        if report.refused:
            said = f"Label Studio did not keep {report.refused} predictions."
            self._note(("push", project_id), DocloopError("predictions_refused", said, "Its log says why."))
        else:
            self._worked(("push", project_id))

    def _rests(self, project_id: int) -> bool:
        project = self._services.store.projects.by_number(project_id)
        return project is not None and paused(self._services.store, project.uid, self._now())

    def _stop_if_paused(self, project_id: int, report: PushReport) -> None:
        """A push may take hours; one that was asked to rest ends after the tasks that it is at. The next one has the others."""
        with suppress(StoreError):  # a database that is away: the next look at it may be luckier
            if not report.stopped and report.done < report.total and self._rests(project_id):
                report.stopped = _PAUSED

    def train(self, run_id: int) -> None:
        """One training run, in a process of its own; what it made is followed by a look."""
        if not self._training.acquire(blocking=False):
            return  # one at a time here; it waits in the store, and the next tick has it
        try:
            runs = self._services.store.runs
            waiting = runs.get(run_id)
            if waiting is None or not self._takes(waiting):
                return  # the queue is shared: who takes it puts it in again
            run = runs.claim(run_id, self._now())
            if run is None:
                return  # another worker has it, or it was cancelled
            settings = self._services.settings
            layout = layout_training(settings, run.options)
            arguments = {"data_dir": str(settings.data_dir), "country": settings.country, "layout": layout}
            if settings.storage_url:  # to which the process has no key
                bring(self._services, run)
            target = train_and_send if settings.storage_url else train
            if not self._supervisor.supervise(run, target, arguments, reserve=layout is not None):
                self._full_until = self._clock() + _FULL
            self._services.hints.leave(run.project_id)
        finally:
            self._training.release()

    # -- what goes wrong -----------------------------------------------------------------------------------------------

    def _note(self, job: tuple[str, int], error: Exception) -> bool:
        """Say in the log and at the project why a job fails just now, and leave it alone for a while. Always False."""
        if disturbed := disturbance(error):
            pause = self._pauses.disturbed(("look", job[1]))
            log.warning("project %s: %s; again in %.0f s", job[1], disturbed, pause)
            self._services.hints.leave(job[1])  # a look leads to all other work
            return False
        known = error if isinstance(error, DocloopError) else None
        busy = isinstance(error, DocloopError) and error.code == BUSY
        asked = self._services.access.client().retry_after if busy else 0.0
        pause = self._pauses.failed(job, at_least=asked)
        said = str(known) if known else "docloop broke; the worker's log says where"
        log.warning("project %s: %s; again in %.0f s", job[1], known or said, pause, exc_info=known is None)
        record = self._services.store.projects.by_number(job[1])
        if record is not None:
            since = record.fault_since or self._now()
            self._services.store.projects.update(record.uid, fault=said, fault_since=since)
        return False

    def _worked(self, job: tuple[str, int]) -> None:
        """A job went well: the fault is gone from the project, unless the other kind of job still has one."""
        self._pauses.worked(job)
        record = self._services.store.projects.by_number(job[1])
        if (
            record is not None
            and record.fault
            and not any(self._pauses.failing((kind, job[1])) for kind in ("look", "push"))
        ):
            self._services.store.projects.update(record.uid, fault="", fault_since=None)

    def _gone(self, project_id: int, error: LabelStudioError) -> bool:
        """Label Studio has no such project (any more). One that was deleted for certain is forgotten with all that was made of
        it; else it is left alone until a hint or ``docloop connect`` names it again, or a person has it forgotten."""
        services, label_studio = self._services, self._services.access.client()
        record = services.store.projects.by_number(project_id)
        deleted = (
            record is not None
            and record.seen_as == label_studio.identity
            and label_studio.deleted(project_id, seen_with(services.store, record))
        )
        services.store.runs.answer(project_id)
        if record is not None and deleted:
            log.warning("project %s was deleted in Label Studio: docloop forgets it", project_id)
            forget_project(services, record, self._now())
        elif record is not None:
            log.warning("project %s is not followed any more: %s", project_id, error.for_log)
            fault = f"{error} What docloop has of it stays; docloop forget --project {project_id} deletes that."
            services.store.projects.update(
                record.uid, followed=False, fault=fault, fault_since=record.fault_since or self._now()
            )
        return True


def run_worker(settings: Settings) -> None:
    """Run a worker until SIGTERM or Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    services = build_ranking_services(settings)
    queue = open_queue(settings.queue_url.get_secret_value(), settings.data_dir)
    memory = settings.training_memory_mb * 1_000_000
    supervisor = Supervisor(services.store, store_url(settings), Limits(memory=memory or default_memory()), stop)
    services.deletions.watch()
    threading.Thread(target=_stop_predicting, args=(services, stop), name="stopper", daemon=True).start()
    try:
        log.info("The worker runs; data in %s.", settings.data_dir)
        services.follow()
        worker = Worker(services, queue, supervisor)
        with _watched(services, worker):
            worker.run(stop)
    finally:
        queue.close()
        services.close()


@contextmanager
def _watched(services: Services, worker: Worker) -> Iterator[None]:
    """Let others ask how the worker is, where a port is set for that."""
    settings = services.settings
    if not settings.metrics_port:
        yield
        return
    from ml_backend.web.worker_app import create_worker_app, served

    app = create_worker_app(services.credentials, worker.alive, lambda: services.store)
    with served(app, settings.host, settings.metrics_port):
        yield


def _stop_predicting(services: Services, stop: threading.Event) -> None:
    """End a push that runs: it may take hours, and what is ready is imported all the same. A Label Studio that is slow to
    answer is not waited for: pages are commits, and a hint that was taken is put back at the next start."""
    stop.wait()
    threading.Thread(target=services.batches.close, name="closer", daemon=True).start()  # which waits for what runs
    time.sleep(_STOP_WITHIN)
    log.warning("What still runs is cut off; the next start finds it missing.")
    os._exit(0)
