"""A push over all workers: the one that leads it posts batches, works on them itself, and gathers what the others made.

Whoever has the very version of a batch may take it (``helping``). The leader alone ranks and imports, since Label Studio counts a
whole project again at every import. Level-triggered: a batch of a dead worker is free again within seconds, what a dead leader
posted is cleared by the next one, and what nobody could answer the leader predicts itself. With one live worker, or little to do,
nothing is posted at all.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from ml_backend.batches import BatchPredictor, Outcome
from ml_backend.document.fields import Prediction
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.status import WORKER
from ml_backend.store.push_batches import Claim
from ml_backend.store.store import Store
from training.hands import Hands, Share
from training.outcomes import outcome_from_json
from training.push import AT_ONCE, Answered, answered_here

BATCH = 16  # tasks: some seconds of work, so that what a dead worker had is soon made up for
_WORTH = 2 * BATCH  # tasks left for which the others are not asked
_AHEAD = 16  # batches posted for each worker: enough for the time an import takes
_LOOK = 0.5  # seconds between looks at what others have answered
_COUNT = 5.0  # seconds for which a count of the workers holds


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

        Raises:
            StoreError: the database refused.
        """
        self.store.push_batches.clear(self.project_uid)  # a leader died
        rest = deque(tasks)
        while rest:
            if len(rest) > _WORTH and self._workers() > 1:
                with closing(self._shared(rest, version)) as shared:
                    yield from shared
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

    def _shared(self, rest: deque[Task], version: str) -> Generator[Answered, None, None]:
        """Take tasks from ``rest`` while there is anybody to share them with; whatever was posted is answered at the end."""
        share = Share(self.store, self.predictor, self.interface, self.project_uid, version)
        posted = _Posted(share, {task: found[0] for task, found in self.store.documents.ids(self.project_uid).items()})
        posted.more(rest, _AHEAD * self._workers())
        try:
            with Hands(share, posted.keep, stay=True):
                while posted.open:
                    yield posted.gather()
                    if rest and self._workers() > 1:
                        posted.more(rest, _AHEAD * self._workers())
        finally:
            self.store.push_batches.clear(self.project_uid)


@dataclass
class _Posted:
    """The batches of one push that are not gathered yet, with their tasks by document."""

    share: Share
    documents: Mapping[int, int]
    open: dict[int, dict[int, Task]] = field(default_factory=dict)
    _mine: SimpleQueue[tuple[Claim, Sequence[Outcome]]] = field(default_factory=SimpleQueue)

    def more(self, rest: deque[Task], most: int) -> None:
        """Post tasks until so many batches are open. What is no document of the store (any more) is in none, and left to us."""
        batches: list[dict[int, Task]] = []
        while rest and len(self.open) + len(batches) < most:
            some = [rest.popleft() for _ in range(min(BATCH, len(rest)))]
            batches.append({self.documents.get(task.id, -task.id): task for task in some})
        if batches:
            ids = self.share.store.push_batches.post(self.share.project_uid, self.share.version, batches)
            self.open.update(zip(ids, batches, strict=True))

    def keep(self, claim: Claim, outcomes: Sequence[Outcome]) -> bool:
        """What our own hands made; it need not travel."""
        self._mine.put((claim, outcomes))
        return True

    def gather(self) -> Answered:
        """What was answered since the last time; nothing, after a moment, where nobody has finished a batch."""
        found = self._of_us() | self._of_others()
        answered: Answered = []
        for batch, outcomes in found.items():
            tasks = self.open.pop(batch)
            answered += [(tasks[document], outcome) for document, outcome in outcomes.items() if outcome is not None]
            left = [task for document, task in tasks.items() if outcomes.get(document) is None]
            answered += answered_here(self.share.predictor, left, self.share.interface, self.share.project_uid)
        if found:
            self.share.store.push_batches.drop(found)
        return answered

    def _of_us(self) -> dict[int, dict[int, Outcome]]:
        """The outcomes of our own hands by batch and document, of tasks whose data are those of Label Studio."""
        finished = []
        with suppress(Empty):
            finished.append(self._mine.get(timeout=_LOOK))
            while True:
                finished.append(self._mine.get_nowait())
        found: dict[int, dict[int, Outcome]] = {}
        for claim, outcomes in finished:
            if claim.batch in self.open:  # it was lost to somebody else for a while
                both = zip(claim.documents, outcomes, strict=True)
                tasks = self.open[claim.batch]
                found[claim.batch] = {one.id: outcome for one, outcome in both if one.data == tasks[one.id].data}
        return found

    def _of_others(self) -> dict[int, dict[int, Outcome]]:
        """The same of other workers; they answer with predictions alone."""
        found: dict[int, dict[int, Outcome]] = {}
        for batch, outcomes in self.share.store.push_batches.answered(self.share.project_uid).items():
            if tasks := self.open.get(batch):
                of = {document: outcome_from_json(value, tasks[document].data) for document, value in outcomes.items()}
                found[batch] = {document: made for document, made in of.items() if made and self._fits(made)}
        return found

    def _fits(self, made: Prediction) -> bool:
        return made.model_version == self.share.version
