"""What changed in a project: the times of its tasks, page by page, and the whole of those that are asked for.

Task times are cheap (a second for 4,000), whole tasks are not, and predictions are the heaviest: so times are listed first, and
each of the others is asked for by id, only where it is needed. A task's ``updated_at`` moves with every annotation that is made,
changed, skipped, turned into a draft or deleted, after the change itself (tried one by one); a bulk action of the Data Manager
gives one time to all its tasks. Annotations have their own times, but not all of their changes move them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_backend.label_studio.client import LabelStudio

STAMPS_AT_ONCE = 1000
TASKS_AT_ONCE = 100
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"  # the only form that a filter takes: Label Studio answers 500 to any other
_STAMP = ("id", "created_at", "updated_at")
_ANNOTATION = ("result", "was_cancelled", "ground_truth", "lead_time", "completed_by", "parent_prediction")


@dataclass(frozen=True, slots=True)
class TaskStamp:
    """A task's identity (its id and creation time, since ids are given out again) and the time of its last change."""

    id: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class ChangedTask:
    """A task with all its annotations: bodies of Label Studio, with a number as ``id`` and times as ``time_text`` gives them."""

    stamp: TaskStamp
    data: Mapping[str, Any]
    annotations: tuple[Mapping[str, Any], ...]


def time_text(moment: float | str) -> str:
    """A time of Label Studio, or seconds since 1970, in the one form that sorts as text and that filters take (UTC).

    Raises ValueError for a text that is no ISO time.
    """
    if isinstance(moment, str):
        return datetime.fromisoformat(moment).astimezone(UTC).strftime(_TIME)
    return datetime.fromtimestamp(moment, UTC).strftime(_TIME)


def just_after(moment: str) -> str:
    """The next time that Label Studio can tell from ``moment``: a microsecond later."""
    return (datetime.fromisoformat(moment) + timedelta(microseconds=1)).strftime(_TIME)


def stamps_since(
    label_studio: LabelStudio, project_id: int, since: str, size: int = STAMPS_AT_ONCE
) -> Iterator[list[TaskStamp]]:
    """The tasks that changed at ``since`` or later, by ascending time of change, page by page; none is left out.

    A task that changes meanwhile moves to the end, and comes again. Pages go by time, and by id where a page is not wide enough
    for all tasks of one time: Label Studio orders by one column only.
    """
    seen: set[int] = set()  # ids of the time that the next page begins with
    while True:
        items = [_item("updated_at", "greater_or_equal", "Datetime", since)] if since else []
        page = _stamps(label_studio, project_id, items, "tasks:updated_at", size)
        yield [stamp for stamp in page if not (stamp.updated_at == since and stamp.id in seen)]
        if len(page) < size:
            return
        last = page[-1].updated_at
        if last == page[0].updated_at:
            at_once = [_item("updated_at", "equal", "Datetime", last)]
            known = {stamp.id for stamp in page} | (seen if last == since else set())
            for stamps in _by_id(label_studio, project_id, at_once, size):
                yield [stamp for stamp in stamps if stamp.id not in known]
            since, seen = just_after(last), set()
        else:
            since, seen = last, {stamp.id for stamp in page if stamp.updated_at == last}


def all_stamps(label_studio: LabelStudio, project_id: int, size: int = STAMPS_AT_ONCE) -> Iterator[list[TaskStamp]]:
    """All tasks by ascending id, page by page: a task that is there all the while is never left out."""
    return _by_id(label_studio, project_id, [], size)


def pull(label_studio: LabelStudio, project_id: int, ids: Sequence[int]) -> list[ChangedTask]:
    """These tasks, whole; those that are not there any more are left out. At most TASKS_AT_ONCE."""
    include = ("data", "annotations", *_STAMP, *_ANNOTATION)
    found = label_studio.task_page(project_id, [_among(ids)], "tasks:id", include, TASKS_AT_ONCE)
    with label_studio.reading("api/tasks"):
        return [
            ChangedTask(_stamp(task), dict(task["data"]), tuple(map(_annotation, task["annotations"])))
            for task in found
        ]


def predictions(label_studio: LabelStudio, project_id: int, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """The stored predictions of these tasks (at most TASKS_AT_ONCE) by prediction id: all versions, some 8 KB each."""
    found = label_studio.task_page(project_id, [_among(ids)], "tasks:id", ("id", "predictions"), TASKS_AT_ONCE)
    with label_studio.reading("api/tasks"):
        return {int(one["id"]): dict(one) for task in found for one in task["predictions"]}


def _by_id(
    label_studio: LabelStudio, project_id: int, items: Sequence[Mapping[str, Any]], size: int
) -> Iterator[list[TaskStamp]]:
    last = 0
    while True:
        after = _item("id", "greater", "Number", last)
        page = _stamps(label_studio, project_id, [after, *items], "tasks:id", size)
        yield page
        if len(page) < size:
            return
        last = page[-1].id


def _stamps(
    label_studio: LabelStudio, project_id: int, items: Sequence[Mapping[str, Any]], order: str, size: int
) -> list[TaskStamp]:
    found = label_studio.task_page(project_id, items, order, _STAMP, size)
    with label_studio.reading("api/tasks"):
        return [_stamp(task) for task in found]


def _stamp(task: Mapping[str, Any]) -> TaskStamp:
    return TaskStamp(int(task["id"]), time_text(str(task["created_at"])), time_text(str(task["updated_at"])))


def _annotation(body: Mapping[str, Any]) -> dict[str, Any]:
    made, changed = time_text(str(body["created_at"])), time_text(str(body["updated_at"]))
    return {**body, "id": int(body["id"]), "created_at": made, "updated_at": changed}


def _among(ids: Sequence[int]) -> dict[str, Any]:
    if len(ids) > TASKS_AT_ONCE:
        raise ValueError(f"at most {TASKS_AT_ONCE} tasks at once, but it was: {len(ids)}")
    return _item("id", "in_list", "Number", list(ids))


def _item(column: str, operator: str, kind: str, value: object) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
