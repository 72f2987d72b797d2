"""Many tasks at once: a cache of predictions, one computation for each task however often it is asked, a time budget.

Every answer is as long as the question and in its order. A task that fails is an error in its place, one that is not ready in
time is None; its computation goes on, and the next request finds it in the cache. A failure is remembered for a while, so that a
broken page is not fetched and decoded again at every look.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from cachetools import TTLCache

from ml_backend.counters import PREDICTIONS, TASK_FAILURES
from ml_backend.document.fields import Prediction
from ml_backend.errors import DocloopError
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.predictor import Predictor

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a task failed, and until when it is not tried again."""

    error: DocloopError
    not_before: float
    pause: float


Outcome = Prediction | DocloopError | None
Key = tuple[str, str, Interface, str, Hashable]

STOPPED = "stopped"  # the code of a task that was not predicted because docloop shut down
_FIRST_RETRY, _LAST_RETRY = 15.0, 900.0  # seconds until a task that failed is tried again; each time twice as long
_CACHED = 20_000  # predictions, about 5 KB each
_LOOK = 0.5  # seconds between looks whether everything was closed
_FRESH = 600.0  # seconds; a local file or a web page may change under the same URL


class BatchPredictor:
    """One a process. ``workers`` tasks are fetched and read at the same time."""

    def __init__(self, predictor: Predictor, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.predictor = predictor
        self._clock = clock
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="predict")
        self._cache: TTLCache[Key, Prediction] = TTLCache(_CACHED, _FRESH, timer=clock)
        self._failures: TTLCache[Key, _Failure] = TTLCache(_CACHED, 4 * _LAST_RETRY, timer=clock)
        self._running: dict[Key, Future[Prediction]] = {}
        self._forgotten = 0  # how often
        self._closed = threading.Event()
        self._lock = threading.Lock()

    def predict_all(
        self, tasks: Sequence[Task], interface: Interface, project_uid: str, budget: float | None = None
    ) -> list[Outcome]:
        """One outcome per task, in order, after at most ``budget`` seconds (None: as long as it takes)."""
        deadline = None if budget is None else self._clock() + budget
        asked = [self._ask(task, interface, project_uid) for task in tasks]
        self._wait([future for future in asked if isinstance(future, Future)], deadline)
        return [self._outcome(found) for found in asked]

    def _wait(self, running: Sequence[Future[Prediction]], deadline: float | None) -> None:
        """Until all are done, the deadline, or ``close``: futures that a shutdown cancels wake nobody who waits for them."""
        while not self._closed.is_set():
            left = _LOOK if deadline is None else min(_LOOK, max(0.0, deadline - self._clock()))
            if not wait(running, timeout=left).not_done or left == 0:
                return

    def _ask(self, task: Task, interface: Interface, project_uid: str) -> Prediction | Future[Prediction]:
        # A task id says nothing (SQLite gives ids out again); where its pages are, does. Some data hold whole images.
        data = hashlib.sha256(json.dumps(task.data, sort_keys=True, default=str).encode()).hexdigest()
        version = self.predictor.version(interface, project_uid)
        key = (project_uid, data, interface, version, self.predictor.remembers(project_uid))
        with self._lock:
            cached = self._cache.get(key)
            if cached is not None:
                return cached
            if self._closed.is_set():
                return _failed(DocloopError(STOPPED, "docloop was stopped before this task."))
            failure = self._failures.get(key)
            if failure is not None and self._clock() < failure.not_before:
                return _failed(failure.error)
            future = self._running.get(key)
            if future is None:
                future = self._workers.submit(self._predict, key, task, interface, self._forgotten)
                self._running[key] = future
            return future

    def _predict(self, key: Key, task: Task, interface: Interface, forgotten: int) -> Prediction:
        """In a worker: what became of it is kept, and a failure logged, before anybody who waits is woken.

        What was asked for before the last ``forget`` is not kept: its document may be the one that was deleted.
        """
        try:
            made = self.predictor.predict(task, interface, key[0])
        except Exception as error:
            self._keep_failure(key, error)
            if isinstance(error, DocloopError):
                log.warning("task %s answered with []: %s", task.id, error.code)
            else:
                log.exception("task %s: a fault in docloop", task.id)
            raise
        with self._lock:
            self._running.pop(key, None)
            self._failures.pop(key, None)
            if forgotten == self._forgotten:
                self._cache[key] = made
        return made

    def _keep_failure(self, key: Key, error: Exception) -> None:
        with self._lock:
            self._running.pop(key, None)
            if isinstance(error, DocloopError):
                before = self._failures.get(key)
                pause = min(_LAST_RETRY, 2 * before.pause) if before else _FIRST_RETRY
                self._failures[key] = _Failure(error, self._clock() + pause, pause)

    def _outcome(self, found: Prediction | Future[Prediction]) -> Outcome:
        if isinstance(found, Prediction):
            PREDICTIONS.labels("cache").inc()
            return found
        if not found.done() or found.cancelled():
            TASK_FAILURES.labels("not_ready_in_time").inc()
            return None
        error = found.exception()
        if error is None:
            PREDICTIONS.labels("computed").inc()
            return found.result()
        if not isinstance(error, DocloopError):
            error = DocloopError("internal_error", "docloop broke on this task; its log says where.")
        TASK_FAILURES.labels(error.code).inc()
        return error

    def forget(self) -> None:
        """Drop all that is remembered; what is being computed is finished, and not remembered."""
        with self._lock:
            self._forgotten += 1
            self._cache.clear()
            self._failures.clear()

    def expire(self) -> None:
        """Let go of what is too old to be answered: where nobody asks, nothing else would."""
        with self._lock:
            self._cache.expire()
            self._failures.expire()

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        with self._lock:
            self._closed.set()
        self._workers.shutdown(wait=True, cancel_futures=True)


def _failed(error: DocloopError) -> Future[Prediction]:
    future: Future[Prediction] = Future()
    future.set_exception(error)
    return future
