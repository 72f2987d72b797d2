"""The order of a project's open documents: calibrated probability, raised for odd ones and for near-duplicates.

The score that Label Studio orders by is pushed with the prediction; the probability behind it, the priority and the reasons stay
in the store, for ``docloop next`` and the REST API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from active_learning.criteria import assess
from active_learning.diversity import Signature
from active_learning.ranking import separated
from active_learning.representative import weighed
from active_learning.signals import Observed, blocks_of, observe
from active_learning.spreading import spread
from active_learning.thresholds import Thresholds, learnt_range
from ml_backend.answered_tasks import answered_elsewhere
from ml_backend.document.elements import Document
from ml_backend.document.fields import Extraction, FieldSpec
from ml_backend.predictor import Observer
from ml_backend.settings import Settings
from ml_backend.store.records import PredictionRecord
from ml_backend.store.store import Store
from training.push import Ready

_ENOUGH = 200  # samples that say what is usual
_GROWTH = 1.2  # the usual number of blocks is looked up again when the samples have grown by a fifth


def thresholds(settings: Settings) -> Thresholds:
    """The criteria of the ranking, as the settings name them."""
    return Thresholds(confidence=settings.confidence_threshold, disagreement=settings.disagreement_threshold)


def observer(limits: Thresholds) -> Observer:
    """What the predictor lets look at each document."""

    def look(document: Document, extraction: Extraction, specs: Sequence[FieldSpec]) -> Observed:
        return observe(document, extraction, specs, limits)

    return look


class UsualBlocks:
    """How many text blocks a page of a project usually has, learnt from its samples; looked up anew as they grow."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, tuple[float, float] | None]] = {}

    def of(self, store: Store, project_uid: str) -> tuple[float, float] | None:
        """The fewest and the most, or None while there are too few samples."""
        count = store.samples.count(project_uid)
        known = self._known.get(project_uid)
        if known is None or count < known[0] or count > _GROWTH * known[0]:
            blocks = [blocks_of(sample.document) for sample in store.samples.load(project_uid, newest=_ENOUGH)]
            known = self._known[project_uid] = (count, learnt_range(blocks))
        return known[1]


@dataclass(frozen=True, slots=True)
class Held:
    """A prediction as Label Studio holds it: the score that it orders by, and since when (seconds since 1970)."""

    score: float
    since: float


class StoreRanking:
    """The ranking of one project and version; what is pushed is remembered in the store."""

    def __init__(
        self,
        store: Store,
        project_uid: str,
        version: str,
        limits: Thresholds,
        usual_blocks: tuple[float, float] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._version = version
        self._limits = limits
        self._usual_blocks = usual_blocks
        self._now = now
        self._since = now()
        self._stored = store.documents.ids(project_uid)
        self._project_uid = project_uid
        self._earlier: list[tuple[float, Signature]] | None = None  # read when there is something to rank
        self._scores: dict[int, float] = {}

    def knows(self, task_id: int) -> bool:
        """Whether the task was reconciled. One that came just now is pushed after the look that its hint brings."""
        return task_id in self._stored

    def changed(self, batch: Sequence[Ready], hold: bool = False) -> set[int]:
        """Those of which a look saw other data meanwhile, or none at all: the task was deleted, and maybe its number given to
        another one. ``hold``: and the others stay as they are until the end of this transaction."""
        there = self._store.documents.get_many([self._document(one) for one in batch], hold)
        now = {number: document.data for number, document in there.items()}
        return {one.task_id for one in batch if now.get(self._document(one)) != one.data}

    def answered(self, batch: Sequence[Ready]) -> set[int]:
        """Those that an application has sent and answered itself meanwhile."""
        tasks = [ready.task_id for ready in batch]
        return answered_elsewhere(self._store, self._project_uid, self._version, tasks, self._since)

    def scores(self, batch: Sequence[Ready]) -> Sequence[float]:
        """The probabilities, raised for untypical documents, and for near-duplicates of those that are asked before (in this
        batch or earlier ones).

        Equal scores are told apart by a seeded hair's breadth: Label Studio leaves their order to its database.
        """
        tasks = [ready.task_id for ready in batch]
        signatures = [_observed(ready).signature for ready in batch]
        probabilities = [ready.prediction.score for ready in batch]
        if self._earlier is None:
            self._earlier = list(self._store.predictions.signatures(self._project_uid, self._version))
        weighted = weighed(probabilities, signatures, [signature for _, signature in self._earlier])
        raised = spread(weighted, signatures, tasks, self._earlier)
        self._scores = {task: separated(score, task, 0) for task, score in zip(tasks, raised, strict=True)}
        return [self._scores[task] for task in tasks]

    def keep(self, batch: Sequence[Ready]) -> None:
        """Remember what Label Studio has stored just now."""
        self.found(batch, {ready.task_id: Held(self._scores[ready.task_id], self._now()) for ready in batch})

    def found(self, batch: Sequence[Ready], held: Mapping[int, Held]) -> None:
        """Remember what Label Studio holds, by task. What changed while it was on its way is of other pages: ``Recovery`` finds
        that it is not recorded, and puts it right."""
        store = self._store
        with store.transaction():
            changed = self.changed(batch, hold=True)
            known = [ready for ready in batch if ready.task_id not in changed]
            records = [self._record(ready, held[ready.task_id]) for ready in known]
            store.predictions.put_many(records)
            store.push_batches.imported([self._document(ready) for ready in batch])
            made = {self._document(ready): ready.prediction for ready in known}
            store.documents.set_contents({of: (one.content, one.digests) for of, one in made.items() if one.content})
        if self._earlier is not None:
            self._earlier += [(record.score, record.signature) for record in records]

    def _document(self, ready: Ready) -> int:
        return self._stored[ready.task_id][0]

    def _record(self, ready: Ready, held: Held) -> PredictionRecord:
        prediction = ready.prediction
        observed = _observed(ready)
        assessment = assess(observed.signals, self._limits, self._usual_blocks)
        return PredictionRecord(
            document_id=self._document(ready),
            model_version=prediction.model_version,
            score=held.score,
            probability=prediction.score,
            fields=prediction.fields,
            engines=prediction.engines,
            priority=assessment.priority,
            reasons=assessment.reasons,
            signature=observed.signature,
            pushed_at=held.since,
        )


def _observed(ready: Ready) -> Observed:
    observed = ready.prediction.observed
    if not isinstance(observed, Observed):
        raise TypeError("predictions that are ranked are made with the ranking's observer")
    return observed
