"""A push over all workers: the one that leads it posts batches, works on them itself, and gathers what the others made.

Whoever has the very version of a batch may take it (``helping``). The leader alone ranks and imports, since Label Studio counts a
whole project again at every import. Level-triggered: a batch of a dead worker is free again within seconds, and what nobody could
answer the leader predicts itself. Answers stay in the store until they are imported: a leader that dies loses none, the next one
takes its batches over. With one live worker, or little to do, nothing is posted at all.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

from ml_backend.batches import BatchPredictor, Outcome
from ml_backend.document.fields import Prediction
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.status import WORKER
from ml_backend.store.push_batches import Claim
from ml_backend.store.store import Store
from training.hands import HANDS, Hands, Share, stopped
from training.outcomes import outcome_from_json
from training.push import AT_ONCE, KNOWN_AFTER, Answered, answered_here

BATCH = 16  # tasks at most: some seconds of work, so that what a dead worker had is soon made up for
_SMALLEST = 4  # tasks of the last batches
_WORTH = 2 * BATCH  # tasks left for which the others are not asked
_AHEAD = 16  # batches posted for each worker: enough for the time an import takes
_LOOK = 0.25  # seconds between looks at what was answered
_COUNT = 5.0  # seconds for which a count of the workers holds
_FRESH = KNOWN_AFTER / 2  # seconds: what is older would count as made with what was confirmed since


@dataclass
class FanOut:
    """The predictions of one push, by all workers that can. ``me`` is the lease of the worker that leads, if it is one."""

    store: Store
    predictor: BatchPredictor
    interface: Interface
    project_uid: str
    me: str = ""
    now: Callable[[], float] = time.time
    _others: int = 0
    _counted_at: float = float("-inf")

    def answers(self, tasks: Sequence[Task], version: str) -> Generator[Answered, None, None]:
        """The outcomes of all tasks, some at a time, in the order in which they come.

        What is answered stays in the store until its documents are recorded as pushed, or ``clear`` is called.

        Raises:
            StoreError: the database refused.
        """
        left = self.store.push_batches.left(self.project_uid, version, self.now() - _FRESH)
        rest = deque(tasks)
        while rest or left:
            if left or (len(rest) > _WORTH and self._workers() > 1):
                yield from self._shared(rest, version, left)
                left = {}
            else:
                some = [rest.popleft() for _ in range(min(AT_ONCE, len(rest)))]
                yield answered_here(self.predictor, some, self.interface, self.project_uid)

    def _workers(self) -> int:
        """How many work on this push: we, and every other worker that is alive."""
        now = self.now()
        if not 0 <= now - self._counted_at < _COUNT:
            self._others = len([name for name in self.store.leases.held(WORKER, now) if name != self.me])
            self._counted_at = now
        return 1 + self._others

    def _shared(
        self, rest: deque[Task], version: str, left: Mapping[int, Sequence[int]]
    ) -> Generator[Answered, None, None]:
        """Take tasks from ``rest`` while there is anybody to share them with; whatever was posted is answered at the end."""
        share = Share(self.store, self.predictor, self.interface, self.project_uid, version)
        posted = _Posted(share, {task: found[0] for task, found in self.store.documents.ids(self.project_uid).items()})
        posted.take_over(left, rest)
        if self._workers() > 1:
            posted.more(rest, self._workers())
        with Hands(share, posted.keep, stay=True):
            while posted.open:
                yield posted.gather()
                if rest and self._workers() > 1:
                    posted.more(rest, self._workers())


@dataclass
class _Posted:
    """The batches of one push that are not gathered yet, with their tasks by document."""

    share: Share
    documents: Mapping[int, int]
    open: dict[int, dict[int, Task]] = field(default_factory=dict)
    _stopped: bool = False
    _news: threading.Event = field(default_factory=threading.Event)  # our own hands are done with a batch

    def take_over(self, left: Mapping[int, Sequence[int]], rest: deque[Task]) -> None:
        """Go on with the batches (documents by batch) of a leader that died, as far as their tasks are in ``rest``."""
        wanted = {self.documents.get(task.id, -task.id): task for task in rest}
        for batch, documents in left.items():
            if tasks := {document: wanted.pop(document) for document in documents if document in wanted}:
                self.open[batch] = tasks
        rest.clear()
        rest.extend(wanted.values())
        self.share.store.push_batches.drop(left.keys() - self.open.keys())

    def more(self, rest: deque[Task], workers: int) -> None:
        """Post tasks until there are batches enough for so many workers. What is no document of the store (any more) is in none,
        and left to us.

        The last batches are small, so that all workers end at about the same time (guided self-scheduling, Polychronopoulos and
        Kuck 1987, with half the share that is due).
        """
        batches: list[dict[int, Task]] = []
        while rest and len(self.open) + len(batches) < _AHEAD * workers:
            due = max(_SMALLEST, len(rest) // (2 * HANDS * workers))
            some = [rest.popleft() for _ in range(min(BATCH, due, len(rest)))]
            batches.append({self.documents.get(task.id, -task.id): task for task in some})
        if batches:
            ids = self.share.store.push_batches.post(self.share.project_uid, self.share.version, batches)
            self.open.update(zip(ids, batches, strict=True))

    def keep(self, claim: Claim, outcomes: Sequence[Outcome]) -> bool:
        """What our own hands made is kept like that of others; failures are met again at ``gather``."""
        if stopped(outcomes):
            self._stopped = True
            return False
        self.share.answer(claim, self.share.made(claim, outcomes))
        self._news.set()
        return True

    def gather(self) -> Answered:
        """What was answered since the last time; nothing, after a moment, where nobody has finished a batch."""
        found = self.share.store.push_batches.answered(self.open)
        if not found and self._stopped:  # to be told so, of all that is open: the batches are for others
            return [(task, None) for tasks in self.open.values() for task in tasks.values()]
        if not found and self._news.wait(_LOOK):
            self._news.clear()
        answered: Answered = []
        for batch, outcomes in found.items():
            left = []
            for document, task in self.open.pop(batch).items():
                made = outcome_from_json(outcomes.get(document, {}), task.data)
                if made is not None and self._fits(made):
                    answered.append((task, made))
                else:
                    left.append(task)
            answered += answered_here(self.share.predictor, left, self.share.interface, self.share.project_uid)
        return answered

    def _fits(self, made: Prediction) -> bool:
        return made.model_version == self.share.version
