"""Documents that were corrected elsewhere: the document, what was read in it, and what people made of that.

Each becomes a task with a prediction and an annotation in Label Studio, as if it had been corrected there. So ledger, samples,
statistics, releases, exports and deletion hold by themselves. A request that is cut off is finished by sending it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ml_backend.applications.answers import Answered, Signature, check_fields, each_once, refuse_if_taken, submit
from ml_backend.applications.desk import Desk
from ml_backend.applications.documents import take_in
from ml_backend.document.fields import Field
from ml_backend.label_studio.edits import edited
from ml_backend.label_studio.one_task import OneTask, add_prediction
from ml_backend.label_studio.results import region_id, region_results
from ml_backend.uploading import PAGE


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was shown (``original``) and what is right; fields with the same id are one. ``version`` is who read."""

    original: tuple[Field, ...]
    corrected: tuple[Field, ...]
    version: str
    score: float


@dataclass(frozen=True, slots=True)
class Taken:
    """The annotations that feedback became: one, or one a page; ``created``: the document is new to the project."""

    sha256: str
    created: bool
    answers: tuple[Answered, ...]


def take(desk: Desk, name: str, data: bytes, feedback: Feedback, by: Signature) -> Taken:
    """Take in a document that was corrected elsewhere.

    Raises:
        DocloopError: as ``documents.send`` and ``answers.correct``.
        ImageRejected: the file is no page.
        LabelStudioError: Label Studio does not answer, or refuses.
    """
    fields = (*each_once(feedback.original), *each_once(feedback.corrected))
    check_fields(desk, fields, desk.services.loader.limits.pages)  # before anything is uploaded
    user = desk.annotator(by.email)
    digest, created, rows = take_in(desk, name, data)
    if PAGE not in rows[0].data:
        rows = rows[:1]  # somebody made the same task twice
    tasks = [desk.look_at(row.id) for row in rows]
    cut_off = any(task.annotations for task in tasks) and not all(task.annotations for task in tasks)
    if not cut_off:
        _refuse_taken(tasks, user, by)
    check_fields(desk, fields, sum(desk.pages(task) for task in tasks))
    pages = [_Page.of(desk, task, _of_task(feedback, task)) for task in tasks]
    if cut_off:
        pages = [page for page in pages if not page.is_said(user)]
        _refuse_taken([page.task for page in pages], user, by)
    return Taken(digest, created, tuple(page.answer(desk, by) for page in pages))


def _refuse_taken(tasks: Sequence[OneTask], user: int | None, by: Signature) -> None:
    for task in tasks:
        refuse_if_taken(task, user, by.email)


def _of_task(feedback: Feedback, task: OneTask) -> Feedback:
    """The part of the feedback that is about the page of this task, where the interface shows a page a task."""
    page = task.data.get(PAGE)
    if page is None:
        return feedback

    def here(fields: Sequence[Field]) -> tuple[Field, ...]:
        return tuple(replace(one, page=0) for one in fields if isinstance(page, int) and one.page == page - 1)

    return replace(feedback, original=here(feedback.original), corrected=here(feedback.corrected))


@dataclass(frozen=True, slots=True)
class _Page:
    """A task and what the feedback says of it: the prediction that was shown, the annotation."""

    task: OneTask
    body: dict[str, Any]
    annotation: list[Any]

    @classmethod
    def of(cls, desk: Desk, task: OneTask, feedback: Feedback) -> _Page:
        sizes = desk.sizes(task)
        regions, results = dict[str, str](), list[dict[str, object]]()
        for number, field in enumerate(feedback.original):
            identity = region_id(f"{task.id} shown elsewhere", field, twin=number)
            if field.id:
                regions[field.id] = identity
            results += region_results(field, desk.interface, sizes.get(field.page, (1, 1)), identity)
        final = [replace(field, id=regions.get(field.id, "")) for field in feedback.corrected]
        annotation = edited(results, final, desk.interface, sizes, task.id)
        body = {"model_version": feedback.version, "score": feedback.score, "result": results}
        return cls(task, body, annotation)

    @property
    def stored(self) -> list[int]:
        """The predictions with this body, the newest last: an earlier try has left them."""
        said = self.body["model_version"], self.body["result"]
        return [
            int(one["id"]) for one in self.task.predictions if (one.get("model_version"), one.get("result")) == said
        ]

    def is_said(self, user: int | None) -> bool:
        """Whether an earlier try, which was cut off, got as far as the annotation of this page."""
        made = zip(self.task.annotators, self.task.parents, strict=True)
        return any(parent in self.stored and user in (None, by) for by, parent in made)

    def answer(self, desk: Desk, by: Signature) -> Answered:
        shown = self.stored
        if not shown:
            shown = [int(add_prediction(desk.label_studio, desk.project.id, self.task.id, self.body)["id"])]
        return submit(desk, self.task, self.annotation, by, shown[-1])
