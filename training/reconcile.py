"""Reconcile: make the store hold of a project what Label Studio holds, whatever webhooks came, doubled or never.

Tasks that changed since the cursor are pulled; a sweep compares the times of all tasks and finds those that are gone. Every page
is one commit, with the cursor in it, so that an interrupted look goes on where it was. Nothing is believed but what Label Studio
answers: the same look twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ml_backend.document.elements import Document
from ml_backend.ground_truth.truth import reviewed
from ml_backend.label_studio.changes import (
    STAMPS_AT_ONCE,
    TASKS_AT_ONCE,
    ChangedTask,
    TaskStamp,
    all_stamps,
    just_after,
    pull,
    stamps_since,
    time_text,
)
from ml_backend.label_studio.client import LabelStudio, Project
from ml_backend.label_studio.label_config import Interface
from ml_backend.store.records import AnnotationRecord, CorrectionRecord, DocumentRecord, ProjectRecord
from ml_backend.store.store import Store
from training.corrections import corrections_of
from training.shown import MALFORMED, Shown, fields_of, shown_by_label_studio, shown_by_the_store
from training.tidy import retire

logger = logging.getLogger(__name__)

LATE_COMMIT = 60.0  # seconds between a task's time of change and its commit that are reckoned with

Words = Callable[[DocumentRecord], Document | None]
Stored = dict[int, tuple[int, str, str]]  # task id -> document id, created_at, updated_at


@dataclass
class ReconcileReport:
    """What a look found. ``unreadable`` annotations have regions that are no regions: they are kept as not reviewed."""

    documents_new: int = 0
    documents_changed: int = 0
    documents_gone: int = 0
    annotations_new: int = 0
    annotations_changed: int = 0
    annotations_gone: int = 0
    corrections: int = 0
    unreadable: int = 0
    swept: bool = False


@dataclass(frozen=True, slots=True)
class _Annotated:
    """The annotations of a task, each with its corrections; ``with_words`` where those were made with the words at hand."""

    found: Sequence[tuple[AnnotationRecord, Sequence[CorrectionRecord]]]
    with_words: bool


@dataclass
class Reconcile:
    """One look at one project.

    ``now`` is our clock (seconds since 1970), ``words`` a cheap look for a document's words, ``size`` how many times of tasks
    are asked for in one request; a tenth of it is how many whole tasks are written in one commit.
    """

    label_studio: LabelStudio
    store: Store
    project: Project
    interface: Interface
    now: float
    words: Words = lambda document: None
    size: int = STAMPS_AT_ONCE
    report: ReconcileReport = field(default_factory=ReconcileReport)

    def run(self, sweep: bool = False) -> ReconcileReport:
        """Pull what changed, or (``sweep``, or where the number of tasks does not agree) compare everything.

        Raises:
            LabelStudioError: Label Studio refused or cannot be reached; the pages before that are kept.
            StoreError: the database refused.
        """
        record = self._follow()
        stored = self.store.documents.ids(self.project.uid)
        if not sweep:
            self._take_changes(record.cursor, stored)
            sweep = self._miscounted()
        if sweep:
            self._sweep(self.store.documents.ids(self.project.uid))
        return self.report

    # -- which tasks -----------------------------------------------------------------------------------------------------

    def _follow(self) -> ProjectRecord:
        """The record of the project, made if need be; an earlier project with its number is forgotten."""
        uid, number = self.project.uid, self.project.id
        for known in self.store.projects.all():
            if known.project_id == number and known.uid != uid:
                self.store.projects.remove(known.uid)
        record = self.store.projects.get(uid)
        if record is None:
            record = ProjectRecord(uid, number, self.project.title, self.interface.fingerprint)
            self.store.projects.put(record)
        elif (record.title, record.fingerprint) != (self.project.title, self.interface.fingerprint):
            self.store.projects.update(uid, title=self.project.title, fingerprint=self.interface.fingerprint)
        return record

    def _take_changes(self, cursor: str, stored: Stored) -> None:
        settled = last = ""
        for page in stamps_since(self.label_studio, self.project.id, cursor, self.size):
            settled = settled or self._settled()
            for stamps in _chunks(self._changed(page, stored), self._tasks_at_once):
                last = stamps[-1].updated_at
                self._take(stamps, stored, cursor=min(settled, last))
            last = page[-1].updated_at if page else last
        if last:  # nothing is left at this very time: bulk actions give one time to thousands of tasks
            self._move(cursor, min(settled, just_after(last)))

    def _settled(self) -> str:
        """The time up to which all changes are committed, by Label Studio's clock if it tells, else by ours."""
        there = self.label_studio.server_time
        return time_text((self.now if there is None else there) - LATE_COMMIT)

    def _move(self, cursor: str, to: str) -> None:
        if to != cursor:
            self.store.projects.update(self.project.uid, cursor=to)

    def _miscounted(self) -> bool:
        """Whether tasks went without a word; their number is asked for again, since it may have changed during the look."""
        count = self.store.documents.count(self.project.uid)
        return count != self.project.task_count and count != self.label_studio.project(self.project.id).task_count

    def _sweep(self, stored: Stored) -> None:
        settled, newest = "", ""
        gone = dict(stored)
        for page in all_stamps(self.label_studio, self.project.id, self.size):
            settled = settled or self._settled()
            for stamp in page:
                gone.pop(stamp.id, None)
                newest = max(newest, stamp.updated_at)
            for stamps in _chunks(self._changed(page, stored), self._tasks_at_once):
                self._take(stamps, stored)
        with self.store.transaction():
            self._remove([document for document, _, _ in gone.values()])
            cursor = min(settled, just_after(newest)) if newest else ""
            self.store.projects.update(self.project.uid, cursor=cursor, swept_at=self.now)
        self.report.swept = True

    def _changed(self, page: Sequence[TaskStamp], stored: Stored) -> Iterator[TaskStamp]:
        return (
            stamp for stamp in page if stored.get(stamp.id, (0, "", ""))[1:] != (stamp.created_at, stamp.updated_at)
        )

    @property
    def _tasks_at_once(self) -> int:
        return min(TASKS_AT_ONCE, max(1, self.size // 10))

    # -- one page of tasks -----------------------------------------------------------------------------------------------

    def _take(self, stamps: Sequence[TaskStamp], stored: Stored, cursor: str = "") -> None:
        """Pull these tasks and write them in one commit; whatever takes time comes before it.

        While it is open nobody else can write: no run begins, and no lease or heartbeat of any project is renewed.
        """
        tasks = pull(self.label_studio, self.project.id, [stamp.id for stamp in stamps])
        before = {task.stamp.id: self._before(task.stamp, stored) for task in tasks}
        annotated = self._annotated(tasks, before)
        outdated = [task.stamp.id for task in tasks if self._outdated(task, before[task.stamp.id])]
        retire(self.label_studio, self.project.id, outdated)
        outlived = [stamp.id for stamp in stamps if stamp.id in stored and before.get(stamp.id) is None]
        with self.store.transaction():
            self._remove([stored.pop(number)[0] for number in outlived])
            ids = self.store.documents.put_many(self.project.uid, [self._document(task) for task in tasks])
            known = self.store.ledger.known(ids.values())
            for task in tasks:
                number, document = task.stamp.id, ids[task.stamp.id, task.stamp.created_at]
                self._keep_content(document, before[number], task)
                if number in annotated:
                    self._write(document, annotated[number], known[document])
                stored[number] = (document, task.stamp.created_at, task.stamp.updated_at)
            if cursor:
                self.store.projects.update(self.project.uid, cursor=cursor)

    def _before(self, stamp: TaskStamp, stored: Stored) -> DocumentRecord | None:
        """What is stored of this very task; not of another one that had its number."""
        document, created, _ = stored.get(stamp.id, (0, "", ""))
        return self.store.documents.get(document) if created == stamp.created_at else None

    def _shown(self, tasks: Sequence[ChangedTask], before: Mapping[int, DocumentRecord | None]) -> dict[int, Shown]:
        found = shown_by_label_studio(self.label_studio, self.project.id, tasks)
        others = [
            (document.id, body)
            for task in tasks
            if (document := before[task.stamp.id]) is not None
            for body in task.annotations
            if body["id"] not in found
        ]
        return {**found, **shown_by_the_store(self.store, others)}

    def _document(self, task: ChangedTask) -> DocumentRecord:
        submitted = any(not body.get("was_cancelled") for body in task.annotations)
        stamp = task.stamp
        return DocumentRecord(
            0, self.project.uid, stamp.id, stamp.created_at, stamp.updated_at, task.data, open=not submitted
        )

    def _keep_content(self, document: int, before: DocumentRecord | None, task: ChangedTask) -> None:
        """A task whose data changed shows other pages: what was read of the old ones is not of this document any more."""
        self.report.documents_new += before is None
        self.report.documents_changed += before is not None
        if before is not None and before.data != task.data:
            self.store.documents.set_content(document, "")
            self.store.samples.remove(document)
        if self._outdated(task, before):
            self.store.predictions.remove(document)

    def _outdated(self, task: ChangedTask, before: DocumentRecord | None) -> bool:
        """Whether the predictions of an open task are of other pages: they go, and the push makes new ones. Those that somebody
        has annotated from stay: they are what was shown."""
        return before is not None and before.data != task.data and self._document(task).open

    def _remove(self, documents: Sequence[int]) -> None:
        self.store.documents.remove(documents)
        self.report.documents_gone += len(documents)

    def _annotated(
        self, tasks: Sequence[ChangedTask], before: Mapping[int, DocumentRecord | None]
    ) -> dict[int, _Annotated]:
        """By task id, what is to be written of annotations; nothing of a lone one that did not change.

        Corrections that were made with the words at hand are not put back to what is known without: that one is left alone.
        """
        shown = self._shown(tasks, before)
        known = self.store.ledger.known([document.id for document in before.values() if document is not None])
        changed: dict[int, _Annotated] = {}
        for task in tasks:
            document = before[task.stamp.id]
            there = known[document.id] if document is not None else {}
            if len(task.annotations) > 1 or there != {body["id"]: body["updated_at"] for body in task.annotations}:
                words = self.words(document) if document is not None else None
                changed[task.stamp.id] = self._judged(task, shown, words)
        return changed

    def _judged(self, task: ChangedTask, shown: Mapping[int, Shown], words: Document | None) -> _Annotated:
        """All annotations of one task, also those whose time did not move: another one may have taken the ground truth."""
        records = [self._annotation(body, shown.get(body["id"])) for body in task.annotations]
        return _Annotated(
            [(record, corrections_of(record, task.stamp.id, words)) for record in records], words is not None
        )

    def _write(self, document: int, annotated: _Annotated, known: Mapping[int, str]) -> None:
        """Write a task's annotations, and forget those that are gone. A sample comes again, with the words."""
        if not annotated.with_words:
            self.store.samples.remove(document)
        for annotation, corrections in annotated.found:
            self.store.ledger.put(document, annotation, corrections)
            earlier = known.get(annotation.annotation_id)
            self.report.annotations_new += earlier is None
            self.report.annotations_changed += earlier is not None and earlier != annotation.updated_at
            self.report.corrections += sum(one.kind != "confirmed" for one in corrections)
        kept = {annotation.annotation_id for annotation, _ in annotated.found}
        if not kept.issuperset(known):
            self.store.ledger.keep_only(document, kept)
            self.report.annotations_gone += len(known.keys() - kept)

    def _annotation(self, body: Mapping[str, Any], shown: Shown | None) -> AnnotationRecord:
        try:
            fields, looked_at, seconds = fields_of(body), reviewed(body), _seconds(body.get("lead_time"))
        except MALFORMED:  # anybody may store anything by the API; it must not stop the look at all others for ever
            fields, looked_at, seconds = (), False, None
            self.report.unreadable += 1
            logger.warning("annotation %s of project %s is unreadable", body["id"], self.project.id)
        return AnnotationRecord(
            annotation_id=body["id"],
            created_at=body["created_at"],
            updated_at=body["updated_at"],
            fields=fields,
            completed_by=_number(body.get("completed_by")),
            lead_time=seconds,
            skipped=bool(body.get("was_cancelled")),
            ground_truth=bool(body.get("ground_truth")),
            reviewed=looked_at,
            shown=shown.fields if shown else None,
            shown_version=shown.version if shown else "",
        )


def _number(completed_by: object) -> int | None:
    """The annotator's number; some answers hold the whole user."""
    by = completed_by.get("id") if isinstance(completed_by, Mapping) else completed_by
    return by if isinstance(by, int) else None


def _seconds(lead_time: Any) -> float | None:
    return None if lead_time is None else float(lead_time)


def _chunks(items: Iterable[TaskStamp], size: int) -> Iterator[list[TaskStamp]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
