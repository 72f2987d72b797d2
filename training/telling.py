"""What was confirmed just now tells of the open documents that look like it: they are answered once more, by the memory.

One confirmed receipt pre-fills the next of its shop. A prediction that changes is changed in its place at Label Studio, so that
nobody opens a task without one. Level-triggered: a sample counts as told when all of this is done.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from active_learning.diversity import Profiles, Signature, signature
from ml_backend.document.fields import Field
from ml_backend.document.samples import Sample
from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.changes import TASKS_AT_ONCE
from ml_backend.label_studio.client import TaskRow
from ml_backend.store.store import Store
from training.push import KNOWN_AFTER, Push, PushReport, Ready
from training.ranking import Held, StoreRanking
from training.recover import OF_ONE, stored_there

AT_ONCE = 20  # samples of one turn; the next one goes on
LIKE = 0.45  # of two signatures: receipts of different shops are nearly always less alike
MOST = 100  # documents that are answered again for one sample: the likest


@dataclass(frozen=True, slots=True)
class Telling:
    """What the samples of a project tell of its open documents, after ``push``."""

    push: Push
    ranking: StoreRanking
    store: Store

    def run(self, version: str) -> int:
        """Answer again what looks like new samples; how many predictions have changed. Nothing new costs one query.

        Raises:
            LabelStudioError: Label Studio does not answer.
            StoreError: the database refused.
        """
        uid = self.push.project.uid
        new = self.store.samples.untold(uid, AT_ONCE)
        if not new:
            return 0
        report = PushReport(version)
        alike = _alike([sample for _, sample in new], self.store.predictions.of_open(uid, version))
        rest = iter(alike)
        changed = 0
        while not report.stopped and (tasks := list(islice(rest, TASKS_AT_ONCE))):
            changed += self._answer_again(tasks, report)
        if not report.stopped:
            self.store.samples.told({number: sample.confirmed_at for number, sample in new})
        return changed

    def _answer_again(self, tasks: Sequence[int], report: PushReport) -> int:
        ids = {task: found[0] for task, found in self.store.documents.ids(self.push.project.uid).items()}
        documents = self.store.documents.get_many([ids[task] for task in tasks if task in ids])  # some may be gone
        rows = [TaskRow(task, documents[ids[task]].data) for task in tasks if ids.get(task) in documents]
        before = self.store.predictions.fields_of([ids[row.id] for row in rows], report.version)
        ready = [
            one
            for one in self.push.predict(rows, report)
            if _said(one.prediction.fields) != _said(before.get(ids[one.task_id], ()))
        ]
        if not ready:
            return 0
        held = self._change(ready, report.version)
        self.ranking.found([one for one in ready if one.task_id in held], held)
        return len(held)

    def _change(self, ready: Sequence[Ready], version: str) -> Mapping[int, Held]:
        """The predictions that Label Studio has taken over, by task."""
        there = stored_there(self.push, [one.task_id for one in ready], version)
        held: dict[int, Held] = {}
        for one, score in zip(ready, self.ranking.scores(ready), strict=True):
            for stored in there.get(one.task_id, ())[-1:]:
                body = {**one.body, "project": self.push.project.id, "score": score}
                try:
                    self.push.label_studio.call("PATCH", f"api/predictions/{stored['id']}/", body=body)
                    held[one.task_id] = Held(score, time.time())
                except LabelStudioError as error:
                    if error.code not in OF_ONE:  # gone or closed meanwhile
                        raise
        return held


def _alike(samples: Sequence[Sample], there: Sequence[tuple[int, Signature, float]]) -> list[int]:
    """The open tasks that look like one of the samples and may have been answered without it, each once."""
    mine = [(looks, _seconds(sample)) for sample in samples if (looks := signature(sample.document))]
    others = [one for one in there if one[1]]
    if not mine or not others:
        return []
    profiles = Profiles.of([looks for _, looks, _ in others])
    table = Profiles.of([looks for looks, _ in mine]).table(range(len(mine)), profiles)
    found: dict[int, None] = {}
    for row, (_, confirmed) in zip(table, mine, strict=True):
        near = (int(at) for at in row.argsort(kind="stable")[::-1][:MOST] if row[at] >= LIKE)
        found.update((others[at][0], None) for at in near if others[at][2] < confirmed + KNOWN_AFTER)
    return list(found)


def _seconds(sample: Sample) -> float:
    return datetime.fromisoformat(sample.confirmed_at).timestamp()


def _said(fields: Sequence[Field]) -> list[tuple[str, str, int, float, float]]:
    """What an annotator sees of fields; a confidence that moves is no reason to touch a prediction."""
    return sorted((f.label, f.text, f.page, round(f.box.left, 3), round(f.box.top, 3)) for f in fields)
