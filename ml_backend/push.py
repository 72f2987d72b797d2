"""Push mode: predict all tasks of a project that have no current prediction, and import the predictions in bulk.

Label Studio then serves stored predictions: nobody waits, the order is right, and each annotation carries a full copy of what was
shown. It counts the whole project again at every import, so requests are few; it drops invalid predictions with a 201, so the
count it answers is checked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ml_backend.batches import STOPPED, BatchPredictor
from ml_backend.document.fields import Prediction
from ml_backend.errors import DocloopError, LabelStudioError
from ml_backend.label_studio.client import LabelStudio, Project, TaskRow
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.refusals import TASK_GONE
from ml_backend.label_studio.results import to_prediction_body
from ml_backend.label_studio.tasks import Task

_AT_ONCE = 32  # tasks asked of the predictor in one go: enough to keep it busy, few enough for the progress to move
_REQUEST_BYTES = 48_000_000  # Label Studio takes about ten times the body in memory
_IMPORT_SHARE = 10  # an import may take at most about a tenth of the time


@dataclass
class PushReport:
    """What a push did so far. ``refused`` predictions Label Studio did not keep, ``failed`` maps task ids to the reason."""

    version: str
    total: int = 0
    current: int = 0
    pushed: int = 0
    refused: int = 0
    failed: dict[int, DocloopError] = field(default_factory=dict)
    stopped: bool = False

    @property
    def done(self) -> int:
        return self.current + self.pushed + self.refused + len(self.failed)


@dataclass
class Push:
    """One push to one project. ``on_progress`` is called with the report whenever it changes."""

    label_studio: LabelStudio
    predictor: BatchPredictor
    interface: Interface
    project: Project
    on_progress: Callable[[PushReport], None] = lambda report: None
    clock: Callable[[], float] = time.monotonic

    def run(self) -> PushReport:
        """Predict and import; then, and only then, make Label Studio serve this version.

        A project that serves none of the stored versions yet gets it with the first import, so that annotators can begin.

        Raises:
            DocloopError: ``stopped``: docloop shut down meanwhile; what was ready is imported, the project serves what it did.
        """
        report = PushReport(self.predictor.predictor.version(self.interface), total=self.project.task_count)
        todo = list(self.label_studio.tasks(self.project.id, lacking=report.version))
        report.total = max(report.total, len(todo))
        report.current = report.total - len(todo)
        self.on_progress(report)
        stored = self.label_studio.model_versions(self.project.id)
        served = self.project.model_version
        for bodies in self._requests(todo, report):
            self._import(bodies, report)
            if report.pushed and served not in stored and served != report.version:
                served = self._serve(report.version)
        if report.stopped:
            raise DocloopError(STOPPED, f"docloop was stopped after {report.pushed} predictions.", "Push again.")
        if served != report.version and (report.pushed or report.version in stored):
            self._serve(report.version)
        return report

    def _serve(self, version: str) -> str:
        self.label_studio.set_model_version(self.project.id, version)
        return version

    def _import(self, bodies: Sequence[dict[str, Any]], report: PushReport) -> None:
        """One import. A task that was deleted meanwhile makes Label Studio refuse all: it is left out, and the rest go again."""
        try:
            kept = self.label_studio.import_predictions(self.project.id, bodies)
        except LabelStudioError as error:
            there = {row.id for row in self.label_studio.tasks(self.project.id)} if error.code == TASK_GONE else set()
            gone = [body["task"] for body in bodies if body["task"] not in there]
            if error.code != TASK_GONE or not gone:
                raise
            report.failed.update(dict.fromkeys(gone, error))
            rest = [body for body in bodies if body["task"] in there]
            return self._import(rest, report) if rest else self.on_progress(report)
        report.pushed += kept
        report.refused += len(bodies) - kept
        return self.on_progress(report)

    def _requests(self, todo: Sequence[TaskRow], report: PushReport) -> Iterator[list[dict[str, Any]]]:
        """Bodies of one import after the other: few, none too large for memory, none too long in coming."""
        waiting: list[dict[str, Any]] = []
        size, last_took, since = 0, 1.0, self.clock()
        rest = iter(todo)
        while rows := list(islice(rest, _AT_ONCE)):
            for body in self._predict(rows, report):
                waiting.append(body)
                size += len(json.dumps(body))
            self.on_progress(report)
            if report.stopped:
                break
            if size > _REQUEST_BYTES or (waiting and self.clock() - since > max(20.0, _IMPORT_SHARE * last_took)):
                began = self.clock()
                yield waiting
                waiting, size, since = [], 0, self.clock()
                last_took = since - began
        if waiting:
            yield waiting

    def _predict(self, rows: Sequence[TaskRow], report: PushReport) -> Iterator[dict[str, Any]]:
        tasks = [Task(row.id, row.data) for row in rows]
        for task, outcome in zip(
            tasks, self.predictor.predict_all(tasks, self.interface, self.project.uid), strict=True
        ):
            if isinstance(outcome, Prediction):
                yield {"task": task.id, **to_prediction_body(outcome, self.interface, task.id)}
            elif outcome is None or outcome.code == STOPPED:
                report.stopped = True
            else:
                report.failed[task.id] = outcome
