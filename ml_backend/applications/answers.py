"""What a person decided on an application's screen, as an annotation in Label Studio under that person's name.

The ledger sees it as any other: its prediction is named, so that corrections are found by difference, and the seconds are told.
Label Studio itself keeps the first of two answers that come at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ml_backend.applications.desk import Desk
from ml_backend.applications.shown import Shown, shown_of
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.errors import DocloopError, LabelStudioError
from ml_backend.label_studio.edits import as_shown, edited
from ml_backend.label_studio.one_task import OneTask, annotate
from ml_backend.label_studio.refusals import SAID_ALREADY

_NAMESPACE = uuid.UUID("5b1f7c0e-3c0f-5a52-9d0b-0d6c1f0a7e11")
DONE, BEGUN, CHANGED = "task_annotated", "task_begun", "prediction_changed"  # codes of what stands in the way


@dataclass(frozen=True, slots=True)
class Signature:
    """Who decided (``email``; none: the user of docloop's own token), after how many ``seconds``."""

    email: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Change:
    """What is different about a field that was shown; None: nothing. ``deleted``: it is not on the document."""

    id: str
    label: str | None = None
    text: str | None = None
    page: int | None = None
    box: Box | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """An annotation that was made; its number, and of whom (None: the user of docloop's token)."""

    task: int
    annotation: int
    completed_by: int | None


def confirm(desk: Desk, task_id: int, mark: str, by: Signature) -> Answered:
    """All is right as it was shown.

    Raises:
        DocloopError: ``task_unknown``; ``task_annotated``, ``task_begun``: somebody else has annotated it, or begun to;
            ``prediction_changed``: what ``mark`` stands for is not shown any more; ``annotator_missing``.
        LabelStudioError: Label Studio does not answer, or refuses.
    """
    task = desk.look_at(task_id)
    shown = _as_marked(desk, task, mark)
    return submit(desk, task, as_shown(shown.results), by, shown.id)


def correct(
    desk: Desk, task_id: int, mark: str, final: Callable[[Shown | None], Sequence[Field]], by: Signature
) -> Answered:
    """``final`` gives the fields that are right, from those that were shown; a field with the id of one of those is that one.

    An empty ``mark`` says that nothing was shown. Raises as ``confirm``, and DocloopError: ``label_missing``, ``page_missing``:
    the interface has no such label, the document no such page.
    """
    task = desk.look_at(task_id)
    shown = _as_marked(desk, task, mark) if mark else None
    fields = final(shown)
    results = written(desk, task, fields, shown.results if shown else ())
    return submit(desk, task, results, by, shown.id if shown else None)


def skip(desk: Desk, task_id: int, by: Signature) -> Answered:
    """The person could not or would not say. Nothing is learned from it. Raises as ``confirm``."""
    task = desk.look_at(task_id)
    shown = shown_of(task, desk.version, desk.project.model_version)
    return submit(desk, task, [], by, shown.id if shown else None, skipped=True)


def changed_fields(shown: Shown | None, changes: Sequence[Change], added: Sequence[Field]) -> list[Field]:
    """The fields that were shown, with these changes, and those that were added.

    Raises:
        DocloopError: ``field_not_shown``: a change of a field that was not, or two of one; ``field_twice``: one that was added
            has the id of another.
    """
    known = {field.id: field for field in (shown.fields if shown else ())}
    asked = {change.id: change for change in changes}
    if len(asked) < len(changes) or not known.keys() >= asked.keys():
        raise DocloopError(
            "field_not_shown", "A change names a field that was not shown, or one twice.", "Use the ids of its fields."
        )
    final = []
    for field in shown.fields if shown else ():
        change = asked.get(field.id, Change(field.id))
        if not change.deleted:
            said = {name: getattr(change, name) for name in ("label", "text", "page", "box")}
            final.append(replace(field, **{name: value for name, value in said.items() if value is not None}))
    if {field.id for field in final} & {field.id for field in each_once(added) if field.id}:
        raise _twice()
    return [*final, *added]


def each_once(fields: Sequence[Field]) -> Sequence[Field]:
    """The fields that an application tells of, no two of which have one id: Label Studio would show the first one's text in both.

    Raises:
        DocloopError: ``field_twice``.
    """
    ids = [field.id for field in fields if field.id]
    if len(set(ids)) < len(ids):
        raise _twice()
    return fields


def written(desk: Desk, task: OneTask, fields: Sequence[Field], results: Sequence[Any]) -> list[Any]:
    """The regions of an annotation that says ``fields`` where ``results`` were shown. Raises as ``correct``."""
    check_fields(desk, fields, desk.pages(task))
    sizes = {int(one.get("item_index") or 0): _size(one) for one in results if one.get("original_width")}
    if any(field.page not in sizes for field in fields):
        sizes = desk.sizes(task)
    return edited(results, fields, desk.interface, sizes, task.id)


def check_fields(desk: Desk, fields: Sequence[Field], pages: int) -> None:
    """Raises DocloopError: ``label_missing``, ``page_missing``."""
    labels = [spec.label for spec in desk.interface.specs]
    if any(field.label not in labels for field in fields):
        raise DocloopError(
            "label_missing", "A field has a label that the interface lacks.", f"It has: {', '.join(labels)}."
        )
    if any(field.page >= pages for field in fields):
        raise DocloopError(
            "page_missing", f"A field is on a page beyond the {pages} that there are; they count from 0."
        )


def submit(
    desk: Desk, task: OneTask, results: Sequence[Any], by: Signature, prediction: int | None, *, skipped: bool = False
) -> Answered:
    """Make the annotation, unless somebody was first. Raises as ``confirm``."""
    user = desk.annotator(by.email)
    refuse_if_taken(task, user, by.email)
    # One answer a task, or where several annotators are wanted one of each; a skip does not keep others from answering.
    who = user if skipped or task.overlap > 1 else "anybody"
    named = f"{desk.project.uid} {task.id} {task.created_at} {who} {'skip' if skipped else 'answer'}"
    body: dict[str, Any] = {
        "result": list(results),
        "lead_time": by.seconds,
        "was_cancelled": skipped,
        "parent_prediction": prediction,
        "unique_id": str(uuid.uuid5(_NAMESPACE, named)),
    }
    if user is not None:
        body["completed_by"] = user
    try:
        made = annotate(desk.label_studio, desk.project.id, task.id, body)
    except LabelStudioError as error:
        if error.code == SAID_ALREADY:
            raise _taken(DONE, "An application has answered it already.") from None
        raise
    desk.changed()
    return Answered(task.id, made, user)


def refuse_if_taken(task: OneTask, user: int | None, email: str) -> None:
    """Raises DocloopError: ``task_annotated``, ``task_begun``."""
    if task.done or (user is not None and user in task.annotators):
        number = f" (annotation {task.annotations[-1]})" if task.annotations else ""
        raise _taken(DONE, f"It is annotated already{number}.")
    if any(begun.lower() != email.lower() for begun in task.drafts):
        raise _taken(BEGUN, "Somebody else has begun to annotate it in Label Studio and left a draft.")


def _twice() -> DocloopError:
    return DocloopError("field_twice", "Two fields have the same id.", "Leave the id out where a field is a new one.")


def _taken(code: str, said: str) -> DocloopError:
    return DocloopError(code, said, "Take the next task; what is there can be changed in Label Studio.")


def _as_marked(desk: Desk, task: OneTask, mark: str) -> Shown:
    """The prediction of this mark, if it is still there and still says the same."""
    for one in task.predictions:
        if mark.partition("-")[0] == str(one.get("id")):
            shown = Shown.of(one)
            if shown.mark == mark:
                return shown
    raise DocloopError(
        CHANGED,
        "The prediction that was shown is not there any more, or says something else by now.",
        "Look at the task again, show what it says now, and ask again.",
    )


def _size(result: Any) -> tuple[int, int]:
    return int(result["original_width"]), int(result["original_height"])
