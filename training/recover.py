"""Predictions that Label Studio has and the store does not: they are made once more and recorded, without an import.

A push asks Label Studio what is lacking, so it never comes by these again: Label Studio itself stored what ``/predict`` answered,
a kill or a full disk fell between an import and its record, an import was kept in part, the store is a new one. Without a record
``docloop next`` and the REST API do not know of them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.changes import TASKS_AT_ONCE, predictions
from ml_backend.label_studio.client import TaskRow
from ml_backend.label_studio.refusals import HAS_NONE, NO_SUCH_THING, REFUSED
from ml_backend.store.records import DocumentRecord
from ml_backend.store.store import Store
from training.pauses import Pauses
from training.push import Push, PushReport, Ready
from training.ranking import Held, StoreRanking

AT_ONCE = 5 * TASKS_AT_ONCE  # documents of one turn; the next one goes on
OF_ONE = frozenset({NO_SUCH_THING, HAS_NONE, REFUSED})  # what Label Studio says of one prediction; the others go on


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the store lacks of one version, after ``push``. ``pauses`` remembers documents for which nothing could be recorded."""

    push: Push
    ranking: StoreRanking
    store: Store
    pauses: Pauses

    def run(self, pushed: PushReport) -> int:
        """Record some of them; how many. Nothing to do costs one query, and Label Studio nothing.

        Raises:
            LabelStudioError: Label Studio does not answer.
            StoreError: the database refused.
        """
        report = PushReport(pushed.version)
        done = 0
        rest = islice(self._candidates(pushed), AT_ONCE)
        while not report.stopped and (some := list(islice(rest, TASKS_AT_ONCE))):
            done += self._recover(some, report)
        return done

    def _candidates(self, pushed: PushReport) -> Iterator[DocumentRecord]:
        """What Label Studio lacked itself is the push's, whatever became of it there."""
        for document in self.store.documents.unpredicted(self.push.project.uid, pushed.version):
            mine = self.ranking.knows(document.task_id) and document.task_id not in pushed.lacking
            if mine and self.pauses.over(document.id):
                yield document

    def _recover(self, some: Sequence[DocumentRecord], report: PushReport) -> int:
        there = stored_there(self.push, [document.task_id for document in some], report.version)
        rows = [TaskRow(document.task_id, document.data) for document in some if document.task_id in there]
        ready = list(self.push.predict(rows, report)) if rows else []
        held = self._agree(ready, there)
        self.ranking.found([one for one in ready if one.task_id in held], held)
        for document in some:
            if document.task_id in held:
                self.pauses.worked(document.id)
            else:  # annotated just now, or skipped before there was a prediction; pages that cannot be read any more
                self.pauses.failed(document.id)
        return len(held)

    def _agree(self, ready: Sequence[Ready], there: Mapping[int, Sequence[Mapping[str, Any]]]) -> dict[int, Held]:
        """How Label Studio holds these predictions, by task, once their scores are in order."""
        held = {}
        for one, score in zip(ready, self.ranking.scores(ready) if ready else (), strict=True):
            try:
                held[one.task_id] = self._held(there[one.task_id], one.body, score)
            except LabelStudioError as error:
                if error.code not in OF_ONE:
                    raise
        return held

    def _held(self, there: Sequence[Mapping[str, Any]], made: Mapping[str, Any], score: float) -> Held:
        """One prediction, or copies of it, beside what was ``made`` now. One that says something else takes that over: its task
        got other pages, or its number from another task, while it was imported. The bare probability came by ``/predict``, past
        the ranking: the ranking's score takes its place. Any other is what a push had ranked, and stays."""
        label_studio = self.push.label_studio
        for body in there:
            with label_studio.reading("api/tasks"):
                other, kept = body["result"] != made["result"], body["score"]
            if other or kept in (None, made["score"]):
                whole = {**made, "project": self.push.project.id, "score": score}
                label_studio.call("PATCH", f"api/predictions/{body['id']}/", body=whole if other else {"score": score})
                kept = score
        with label_studio.reading("api/tasks"):
            oldest = datetime.fromisoformat(str(there[0]["created_at"])).timestamp()
            return Held(float(kept), time.time() if other else oldest)


def stored_there(push: Push, tasks: Sequence[int], version: str) -> dict[int, list[Mapping[str, Any]]]:
    """Label Studio's predictions of this version by task, the newest last; a task may have several."""
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    stored = predictions(push.label_studio, push.project.id, tasks)
    with push.label_studio.reading("api/tasks"):
        for _, body in sorted(stored.items()):
            if body["model_version"] == version:
                found[int(body["task"])].append(body)
    return dict(found)
