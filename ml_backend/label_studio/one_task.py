"""One task, as an application with its own screens works on it: what is there now, one prediction, one annotation.

Lists of tasks and bulk imports have calls of their own (``client``, ``changes``); here each call is about one task and quick,
since a person waits. What was tried with Label Studio 1.23.2: an annotation may name its annotator (``completed_by``), and one
whose ``unique_id`` is there already is refused with 409, so that of two answers at once one alone is kept. Drafts of all
annotators are told; that somebody has merely opened a task is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_backend.errors import DocloopError, LabelStudioError
from ml_backend.label_studio.changes import time_text
from ml_backend.label_studio.client import LabelStudio, TaskRow
from ml_backend.label_studio.refusals import HAS_NONE

_WANTED = (
    "id",
    "data",
    "created_at",
    "is_labeled",
    "overlap",
    "annotations",
    "predictions",
    "drafts",
    "was_cancelled",
    "completed_by",
    "parent_prediction",
)
_MOST = 1000  # tasks of one file: a page each


@dataclass(frozen=True, slots=True)
class OneTask:
    """A task now. ``annotators`` are who has submitted (numbers of users), ``parents`` the predictions that they were shown,
    ``done`` whether as many have as the project wants, ``drafts`` the e-mail addresses of those who have begun; ``predictions``
    are bodies, the newest last."""

    id: int
    data: Mapping[str, Any]
    created_at: str
    annotators: tuple[int | None, ...]
    annotations: tuple[int, ...]
    done: bool
    overlap: int
    drafts: tuple[str, ...]
    predictions: tuple[Mapping[str, Any], ...]
    parents: tuple[int | None, ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> OneTask:
        """The task of the Data Manager's list."""
        submitted = [one for one in body["annotations"] if not one["was_cancelled"]]
        overlap = int(body.get("overlap") or 1)
        begun = [str(one["user"]) for one in body.get("drafts") or () if one.get("annotation") is None]
        return cls(
            id=int(body["id"]),
            data=dict(body["data"]),
            created_at=time_text(str(body["created_at"])),
            annotators=tuple(_number(one.get("completed_by")) for one in submitted),
            annotations=tuple(int(one["id"]) for one in submitted),
            done=bool(body.get("is_labeled")) or len(submitted) >= overlap,
            overlap=overlap,
            drafts=tuple(begun),
            predictions=tuple(sorted((dict(one) for one in body["predictions"]), key=lambda one: int(one["id"]))),
            parents=tuple(_number(one.get("parent_prediction")) for one in submitted),
        )


def look_at(label_studio: LabelStudio, project_id: int, task_id: int) -> OneTask:
    """The task of this project. Label Studio asks no ML backend for it, as it would if it were asked for the task itself.

    Raises:
        DocloopError: ``task_unknown``: the project has no such task.
        LabelStudioError: Label Studio does not answer.
    """
    item = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number", "value": [task_id]}
    found = label_studio.task_page(project_id, [item], "tasks:id", _WANTED, 1)
    if not found:
        raise _unknown(project_id, task_id)
    with label_studio.reading("api/tasks"):
        return OneTask.of(found[0])


def tasks_saying(label_studio: LabelStudio, project_id: int, key: str, value: str) -> list[TaskRow]:
    """The tasks whose data has this text under this key, by id."""
    item = {"filter": f"filter:tasks:data.{key}", "operator": "equal", "type": "String", "value": value}
    found = label_studio.task_page(project_id, [item], "tasks:id", ("id", "data"), _MOST)
    with label_studio.reading("api/tasks"):
        return [TaskRow(int(task["id"]), dict(task["data"])) for task in found]


def add_prediction(label_studio: LabelStudio, project_id: int, task_id: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """Store one prediction; as Label Studio has it. Of a bulk import it would count the whole project again."""
    path = "api/predictions/"
    said = _of_task(label_studio, "POST", path, {**body, "task": task_id, "project": project_id}, (project_id, task_id))
    with label_studio.reading(path):
        return {**said, "id": int(said["id"]), "result": list(said["result"])}


def annotate(label_studio: LabelStudio, project_id: int, task_id: int, body: Mapping[str, Any]) -> int:
    """Submit an annotation; its number.

    Raises:
        DocloopError: ``task_unknown``: the task was deleted meanwhile.
        LabelStudioError: SAID_ALREADY: one with this ``unique_id`` is there; or Label Studio does not answer.
    """
    path = f"api/tasks/{task_id}/annotations/"
    said = _of_task(label_studio, "POST", path, body, (project_id, task_id))
    with label_studio.reading(path):
        return int(said["id"])


def remove(label_studio: LabelStudio, project_id: int, task_id: int) -> None:
    """Delete a task with all that was said about it. Raises as ``look_at``."""
    _of_task(label_studio, "DELETE", f"api/tasks/{task_id}/", None, (project_id, task_id))


def user_of(label_studio: LabelStudio, email: str) -> int | None:
    """The number of the user with this e-mail address, in whatever case; None: there is none that docloop's token sees."""
    users: Sequence[Any] = label_studio.call("GET", "api/users/")
    with label_studio.reading("api/users/"):
        return next((int(user["id"]) for user in users if str(user["email"]).lower() == email.lower()), None)


def _of_task(
    label_studio: LabelStudio, method: str, path: str, body: Mapping[str, Any] | None, task: tuple[int, int]
) -> Any:
    try:
        return label_studio.call(method, path, body=body)
    except LabelStudioError as error:
        if error.code == HAS_NONE or "object does not exist" in error.message:
            raise _unknown(*task) from None
        raise


def _unknown(project_id: int, task_id: int) -> DocloopError:
    return DocloopError("task_unknown", f"Project {project_id} has no task {task_id}.", "Was it deleted?")


def _number(user: object) -> int | None:
    by = user.get("id") if isinstance(user, Mapping) else user
    return by if isinstance(by, int) else None
