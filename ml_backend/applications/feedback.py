"""Documents that were corrected elsewhere: the document, what was read in it, and what people made of that.

Each becomes a task with a prediction and an annotation in Label Studio, as if it had been corrected there. So ledger, samples,
statistics, releases, exports and deletion hold by themselves. A request that is cut off is finished by sending it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ml_backend.applications.answers import Answered, Signature, check_fields, refuse_if_taken, submit
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
    fields = feedback.original + feedback.corrected
    check_fields(desk, fields, desk.services.loader.limits.pages)  # before anything is uploaded
    user = desk.annotator(by.email)
    digest, created, rows = take_in(desk, name, data)
    if PAGE not in rows[0].data:
        rows = rows[:1]  # somebody made the same task twice
    tasks = [desk.look_at(row.id) for row in rows]
    for task in tasks:
        refuse_if_taken(task, user, by.email)
    check_fields(desk, fields, sum(desk.pages(task) for task in tasks))
    answers = [_answer(desk, task, _of_task(feedback, task), by) for task in tasks]
    return Taken(digest, created, tuple(answers))


def _of_task(feedback: Feedback, task: OneTask) -> Feedback:
    """The part of the feedback that is about the page of this task, where the interface shows a page a task."""
    page = task.data.get(PAGE)
    if page is None:
        return feedback

    def here(fields: Sequence[Field]) -> tuple[Field, ...]:
        return tuple(replace(one, page=0) for one in fields if isinstance(page, int) and one.page == page - 1)

    return replace(feedback, original=here(feedback.original), corrected=here(feedback.corrected))


def _answer(desk: Desk, task: OneTask, feedback: Feedback, by: Signature) -> Answered:
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
    return submit(desk, task, annotation, by, _prediction(desk, task, body))


def _prediction(desk: Desk, task: OneTask, body: dict[str, object]) -> int:
    """The stored prediction with this body; one that an earlier try has left is taken."""
    for one in reversed(task.predictions):
        if (one.get("model_version"), one.get("result")) == (body["model_version"], body["result"]):
            return int(one["id"])
    return int(add_prediction(desk.label_studio, desk.project.id, task.id, body)["id"])
