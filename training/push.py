"""Push mode: predict all open tasks of a project that have no current prediction, and import the predictions in bulk.

Label Studio then serves stored predictions: nobody waits, the order is right, and each annotation carries a full copy of what was
shown. It counts the whole project again at every import, so requests are few; it drops invalid predictions with a 201, so the
count it answers is checked. The score that orders the tasks is the ranker's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from ml_backend.batches import STOPPED, BatchPredictor, Outcome
from ml_backend.document.fields import Prediction
from ml_backend.errors import DocloopError, LabelStudioError
from ml_backend.label_studio.client import LabelStudio, Project, TaskRow
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.refusals import TASK_GONE
from ml_backend.label_studio.results import to_prediction_body
from ml_backend.label_studio.tasks import Task

AT_ONCE = 32  # tasks asked of the predictor in one go: enough to keep it busy, few enough for the progress to move
_REQUEST_BYTES = 48_000_000  # Label Studio takes about ten times the body in memory
_FIRST_AFTER = 5.0  # seconds until the first import, so that annotators can begin
_OTHERS_AFTER = 20.0  # seconds between two imports
_IMPORT_SHARE = 10  # an import may take at most about a tenth of the time
KNOWN_AFTER = 3600.0  # seconds after a confirmation, by when every prediction that is imported is made with it
SUPERSEDED = "superseded"  # the code of a push during which another version was promoted

Answered = list[tuple[Task, Outcome]]
Answers = Callable[[Sequence[Task], str], Generator[Answered, None, None]]
"""From tasks and the version that is wanted to what came of them, some at a time."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A prediction on its way, with the data it was made from and the body that Label Studio takes."""

    task_id: int
    data: Mapping[str, Any]
    prediction: Prediction
    body: dict[str, Any]


class Ranking(Protocol):
    """Gives predictions the scores that Label Studio orders by, and remembers what was pushed."""

    def knows(self, task_id: int) -> bool:
        """Whether the task is to be pushed now."""
        ...

    def changed(self, batch: Sequence[Ready]) -> Collection[int]:
        """The tasks whose data are others by now, or that are gone: a push may take hours."""
        ...

    def answered(self, batch: Sequence[Ready]) -> Collection[int]:
        """The tasks that have a prediction of this version by now, of somebody else. Asked while others keep from storing any."""
        ...

    def scores(self, batch: Sequence[Ready]) -> Sequence[float]:
        """One score in ``[0, 1]`` a prediction; the lowest is asked first."""
        ...

    def keep(self, batch: Sequence[Ready]) -> None:
        """Label Studio has stored these."""
        ...


@dataclass
class PushReport:
    """What a push did so far. ``lacking`` are the tasks that Label Studio had no prediction of when it began; ``refused``
    predictions it did not keep, ``failed`` maps task ids to the reason."""

    version: str
    total: int = 0
    current: int = 0
    pushed: int = 0
    refused: int = 0
    failed: dict[int, DocloopError] = field(default_factory=dict)
    lacking: frozenset[int] = frozenset()
    stopped: str = ""

    @property
    def done(self) -> int:
        return self.current + self.pushed + self.refused + len(self.failed)


@dataclass
class Push:
    """One push of one version to one project. ``answers`` has others help, ``importing`` is around whatever changes Label Studio;
    ``on_progress`` is called with the report whenever it changes."""

    label_studio: LabelStudio
    predictor: BatchPredictor
    interface: Interface
    project: Project
    version: str
    ranking: Ranking
    answers: Answers
    importing: Callable[[], AbstractContextManager[None]]
    on_progress: Callable[[PushReport], None] = lambda report: None
    clock: Callable[[], float] = time.monotonic

    def run(self) -> PushReport:
        """Predict and import; then, and only then, make Label Studio serve this version.

        A project that serves none of the stored versions yet gets it with the first import, so that annotators can begin.

        Raises:
            DocloopError: ``stopped`` or ``superseded``: docloop shut down, or another version was promoted meanwhile; what was
                ready is imported, the project serves what it did.
        """
        report = PushReport(self.version)
        lacking = self.label_studio.tasks(self.project.id, lacking=report.version)
        todo = [row for row in lacking if self.ranking.knows(row.id)]
        report.lacking = frozenset(row.id for row in todo)
        report.total = max(self.project.task_count, len(todo))
        report.current = report.total - len(todo)
        self.on_progress(report)
        stored = self.label_studio.model_versions(self.project.id)
        served = self.project.model_version
        with closing(self._requests(todo, report)) as requests:
            for batch in requests:
                self._import(self._current(batch, report), report)
                if report.pushed and served not in stored and served != report.version:
                    served = self._serve(report.version)
        if report.stopped:
            said = f"The push ended after {report.pushed} predictions ({report.stopped})."
            raise DocloopError(report.stopped, said, "Push again.")
        if served != report.version and (report.pushed or report.version in stored):
            self._serve(report.version)
        return report

    def _serve(self, version: str) -> str:
        with self.importing():  # who slept must not take the place of a newer version, either
            self.label_studio.set_model_version(self.project.id, version)
        return version

    def _current(self, batch: Sequence[Ready], report: PushReport) -> list[Ready]:
        """What is still a prediction of its task; the next push has the others."""
        changed = set(self.ranking.changed(batch))
        report.failed.update(
            dict.fromkeys(changed, DocloopError("task_changed", "It was changed or deleted meanwhile."))
        )
        return [ready for ready in batch if ready.task_id not in changed]

    def _unanswered(self, batch: Sequence[Ready], report: PushReport) -> list[Ready]:
        """What nobody else has given its prediction meanwhile: Label Studio would keep both."""
        answered = set(self.ranking.answered(batch))
        report.current += len(answered)
        return [ready for ready in batch if ready.task_id not in answered]

    def _import(self, batch: Sequence[Ready], report: PushReport) -> None:
        """One import. A task that was deleted meanwhile makes Label Studio refuse all: it is left out, and the rest go again."""
        if not batch:
            return self.on_progress(report)
        for ready, score in zip(batch, self.ranking.scores(batch), strict=True):
            ready.body["score"] = score
        try:
            with self.importing():
                batch = self._unanswered(batch, report)
                bodies = [ready.body for ready in batch]
                kept = self.label_studio.import_predictions(self.project.id, bodies) if batch else 0
        except LabelStudioError as error:
            there = {row.id for row in self.label_studio.tasks(self.project.id)} if error.code == TASK_GONE else set()
            gone = [ready.task_id for ready in batch if ready.task_id not in there]
            if error.code != TASK_GONE or not gone:
                raise
            report.failed.update(dict.fromkeys(gone, error))
            rest = [ready for ready in batch if ready.task_id in there]
            return self._import(rest, report)
        if kept == len(batch):  # Label Studio does not say which it dropped: none counts as shown then
            self.ranking.keep(batch)
        report.pushed += kept
        report.refused += len(batch) - kept
        return self.on_progress(report)

    def _requests(self, todo: Sequence[TaskRow], report: PushReport) -> Generator[list[Ready], None, None]:
        """What goes into one import after the other: few, none too large for memory, none too long in coming."""
        waiting: list[Ready] = []
        size, pause, since = 0, _FIRST_AFTER, self.clock()
        tasks = [Task(row.id, row.data) for row in todo]
        with closing(self.answers(tasks, report.version)) as answers:
            for answered in answers:
                for ready in self._ready(answered, report):
                    waiting.append(ready)
                    size += len(json.dumps(ready.body))
                self.on_progress(report)
                if report.stopped:
                    break
                if size > _REQUEST_BYTES or (waiting and self.clock() - since > pause):
                    began = self.clock()
                    yield waiting
                    waiting, size, since = [], 0, self.clock()
                    pause = max(_OTHERS_AFTER, _IMPORT_SHARE * (since - began))
        if waiting:
            yield waiting

    def predict(self, rows: Sequence[TaskRow], report: PushReport) -> Iterator[Ready]:
        """What is ready to be imported of these tasks; of the others, the report says why not."""
        tasks = [Task(row.id, row.data) for row in rows]
        return self._ready(answered_here(self.predictor, tasks, self.interface, self.project.uid), report)

    def _ready(self, answered: Answered, report: PushReport) -> Iterator[Ready]:
        for task, outcome in answered:
            if isinstance(outcome, Prediction) and outcome.model_version != report.version:
                report.stopped = SUPERSEDED
            elif isinstance(outcome, Prediction):
                body = {"task": task.id, **to_prediction_body(outcome, self.interface, task.id)}
                yield Ready(task.id, task.data, outcome, body)
            elif outcome is None or outcome.code == STOPPED:
                report.stopped = STOPPED
            else:
                report.failed[task.id] = outcome


def answered_here(predictor: BatchPredictor, tasks: Sequence[Task], interface: Interface, project_uid: str) -> Answered:
    """The outcomes of tasks, by this process alone; as long as it takes."""
    return list(zip(tasks, predictor.predict_all(tasks, interface, project_uid), strict=True))
