"""Documents that applications send for annotation: each once, known by the SHA-256 of its file, with a prediction at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_backend.answered_tasks import answering
from ml_backend.applications.desk import Desk
from ml_backend.applications.shown import Shown, shown_of
from ml_backend.document.fields import Prediction
from ml_backend.errors import DocloopError
from ml_backend.label_studio.client import TaskRow
from ml_backend.label_studio.one_task import OneTask, add_prediction, tasks_saying
from ml_backend.label_studio.results import to_prediction_body
from ml_backend.label_studio.tasks import Task
from ml_backend.store.holding import held
from ml_backend.uploading import HASH, Uploads, digest_of

_LEASE = 120.0  # seconds for which Label Studio may go on making tasks of a file whose sender was killed, or gave up


@dataclass(frozen=True, slots=True)
class Seen:
    """A task and the prediction that is shown with it; ``why`` is the code of what kept docloop from predicting it yet."""

    task: OneTask
    shown: Shown | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a document: its tasks (one, or one a page), and whether they are new."""

    sha256: str
    created: bool
    tasks: tuple[Seen, ...]


def send(desk: Desk, name: str, data: bytes) -> Sent:
    """Make tasks of a document, unless the project has it, and predict those that are open.

    What is not predicted within the budget is predicted in the background, as any other task.

    Raises:
        DocloopError: ``document_on_its_way``: another request is making tasks of the same file, or Label Studio may be.
        ImageRejected: the file is no page.
        LabelStudioError: Label Studio does not answer, or refuses.
    """
    digest, created, rows = take_in(desk, name, data)
    tasks = [desk.look_at(row.id) for row in rows]
    seen = tuple(predicted(desk, tasks))
    desk.changed()  # last: the worker would predict the same tasks meanwhile
    return Sent(digest, created, seen)


def take_in(desk: Desk, name: str, data: bytes) -> tuple[str, bool, list[TaskRow]]:
    """The hash of a file, whether its tasks were made just now, and the tasks. Raises as ``send``."""
    digest = digest_of(data)
    with held(desk.services.store, f"send {desk.project.uid} {digest}", _LEASE) as mine:
        if not mine:
            raise _on_its_way()
        there = tasks_saying(desk.label_studio, desk.project.id, HASH, digest)
        if there:
            return digest, False, there
        uploads = Uploads(desk.label_studio, desk.services.loader, desk.project.id, desk.interface)
        datas = uploads.task_data(name, data)
        if not mine.renew():  # this machine has slept, and somebody else began meanwhile
            raise _on_its_way()
        with mine.until_heard():
            ids = desk.label_studio.import_tasks(desk.project.id, [{"data": one} for one in datas])
        return digest, True, [TaskRow(number, one) for number, one in zip(ids, datas, strict=True)]


def _on_its_way() -> DocloopError:
    return DocloopError(
        "document_on_its_way",
        "Another request is sending this very document, or one that did was not answered in time by Label Studio.",
        "Send it again in a few seconds; it may take two minutes.",
    )


def predicted(desk: Desk, tasks: Sequence[OneTask]) -> Iterator[Seen]:
    """Each task with its prediction; open ones that lack one of the version that serves get it now, within the budget."""
    version = desk.version
    lacking = [task for task in tasks if not task.done and not _has(task, version)]
    asked = [Task(task.id, task.data) for task in lacking]
    budget = desk.services.settings.predict_budget
    outcomes = desk.services.batches.predict_all(asked, desk.interface, desk.project.uid, budget) if asked else []
    made = {task.id: outcome for task, outcome in zip(lacking, outcomes, strict=True)}
    for task in tasks:
        outcome = made.get(task.id)
        if isinstance(outcome, Prediction):
            yield _stored(desk, task.id, outcome)
        else:
            why = outcome.code if isinstance(outcome, DocloopError) else "not_ready_in_time"
            yield Seen(task, shown_of(task, version, desk.project.model_version), why if task.id in made else "")


def _stored(desk: Desk, task_id: int, found: Prediction) -> Seen:
    """The task with this prediction, unless the worker, whom Label Studio has told of the task, has meanwhile stored its own."""
    project = desk.project
    with answering(desk.services.store, project.id, project.uid, found.model_version, task_id) as done:
        task = desk.look_at(task_id)
        if shown := next((one for one in reversed(task.predictions) if _is_of(one, found.model_version)), None):
            return Seen(task, Shown.of(shown))
        stored = add_prediction(
            desk.label_studio, project.id, task_id, to_prediction_body(found, desk.interface, task_id)
        )
        done()
        return Seen(task, Shown.of(stored))


def _has(task: OneTask, version: str) -> bool:
    return any(_is_of(one, version) for one in task.predictions)


def _is_of(prediction: Mapping[str, Any], version: str) -> bool:
    return prediction.get("model_version") == version
