"""Samples: confirmed documents with their words, kept in the store so that training needs neither Label Studio nor OCR.

Level-triggered: the store says which confirmed documents have no sample, or one of an older state, and each is read (mostly from
the OCR cache). A document whose pages cannot be had just now stays missing, and is tried again: after a pause, when all those
have had their turn that never failed, and among its like in no order, so that none can stand in the way of another for ever.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from operator import itemgetter
from random import Random

from ml_backend.document.samples import Sample
from ml_backend.errors import DocloopError
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.tasks import Task
from ml_backend.predictor import Predictor
from ml_backend.store.database import AWAY
from ml_backend.store.records import AnnotationRecord, DocumentRecord
from ml_backend.store.store import Store
from training.corrections import corrections_of
from training.pauses import Pauses

log = logging.getLogger(__name__)

_AT_ONCE = 200  # documents asked of the store in one go
BUDGET = 20.0  # seconds of one look; what is left waits for the next, so that no project holds up the others

_Row = tuple[DocumentRecord, AnnotationRecord]
_Drawn = tuple[float, _Row]


@dataclass
class SampleReport:
    """What one collection did. ``failed`` maps task ids to why their pages cannot be read; ``left`` is above 0 where more could
    be done at once."""

    made: int = 0
    removed: int = 0
    left: int = 0
    failed: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SampleCollector:
    """``pauses`` remembers what failed, so that pages nobody can read neither hold up the others nor are tried at every look;
    ``chance`` draws who is tried again first; ``keep`` is given the page files of each sample that was stored."""

    store: Store
    predictor: Predictor
    pauses: Pauses
    clock: Callable[[], float] = time.monotonic
    chance: Random = field(default_factory=Random)
    keep: Callable[[str, Sequence[bytes]], None] = lambda content, files: None

    def collect(self, project_uid: str, interface: Interface) -> SampleReport:
        """Make the samples that are missing, drop those whose annotation is gone, complete the ledger with what OCR read."""
        report = SampleReport()
        stale = self.store.samples.stale(project_uid)
        for document_id in stale:
            self.store.samples.remove(document_id)
        report.removed = len(stale)
        ends, after, again = self.clock() + BUDGET, 0, list[_Drawn]()
        while rows := self.store.samples.missing(project_uid, limit=_AT_ONCE, after=after):
            after = rows[-1][0].id
            new = [row for row in rows if not self.pauses.failing(_key(*row))]
            due = [row for row in rows if self.pauses.failing(_key(*row)) and self.pauses.over(_key(*row))]
            again = nsmallest(_AT_ONCE, [*again, *((self.chance.random(), row) for row in due)], key=itemgetter(0))
            if not self._try_all(new, ends, interface, report):
                report.left += 1
                return report
        if not self._try_all([row for _, row in again], ends, interface, report) and report.made:
            report.left += 1  # where all fails, the next look is soon enough
        return report

    def _try_all(self, rows: Sequence[_Row], ends: float, interface: Interface, report: SampleReport) -> bool:
        """Whether there was time for all of them."""
        for document, annotation in rows:
            if self.clock() > ends:
                return False
            self._try(document, annotation, interface, report)
        return True

    def _try(
        self, document: DocumentRecord, annotation: AnnotationRecord, interface: Interface, report: SampleReport
    ) -> None:
        key = _key(document, annotation)
        try:
            self._make(document, annotation, interface)
            self.pauses.worked(key)
            report.made += 1
        except DocloopError as error:
            if error.code in AWAY:
                raise  # it says nothing of the document
            pause = self.pauses.failed(key)
            report.failed[document.task_id] = error.code
            log.warning("task %s: no sample yet (%s); again in %.0f s", document.task_id, error.code, pause)

    def _make(self, document: DocumentRecord, annotation: AnnotationRecord, interface: Interface) -> None:
        reader = self.predictor.reader(document.project_uid)  # before: if another one comes meanwhile, it is read again
        task = Task(document.task_id, document.data)
        # whole: a sample with an empty page would teach that nothing stands there
        reading = self.predictor.read_task(task, interface, document.project_uid, whole=True)
        labelled = tuple(one for one in annotation.fields if one.label)  # a box without a label is no field yet
        sample = Sample(reading.content, reading.document, labelled, annotation.completed_by, annotation.updated_at)
        corrections = corrections_of(annotation, document.task_id, reading.document)
        with self.store.transaction():
            if not self._as_it_was(document, annotation):
                return
            self.store.documents.set_content(document.id, reading.content, reading.digests)
            self.store.samples.put(document.id, sample, reader)
            self.store.ledger.put(document.id, annotation, corrections)
        self.keep(reading.content, reading.files)

    def _as_it_was(self, document: DocumentRecord, annotation: AnnotationRecord) -> bool:
        """Whether both are still what they were before the pages were read: another look may have come by meanwhile."""
        now = self.store.documents.get(document.id)
        known = self.store.ledger.known([document.id])[document.id]
        return (
            now is not None
            and now.data == document.data
            and known.get(annotation.annotation_id) == annotation.updated_at
        )


def _key(document: DocumentRecord, annotation: AnnotationRecord) -> tuple[str, int, str]:
    """What a pause is of: an annotation that was changed is tried at once."""
    return "sample", document.id, annotation.updated_at
