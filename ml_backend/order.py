"""Does Label Studio really serve the hardest document first? It is asked, since it says nothing when it does not.

Asking ``/next`` reserves the task for the user of docloop's token, as opening it would, so only ``docloop connect`` and
``docloop doctor`` ask. Nothing but an annotation lets go of it before a day is over, and a reservation does not say who asked:
one of an earlier check looks like one of a person's, and is no fault.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ml_backend.connect import TITLE
from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.client import OPEN, SCORED, LabelStudio

_RESERVED = "Task lock"  # the queue of a task that this user opened before
_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class OrderReport:
    """Whether the lowest score comes first (None: that could not be seen), and a sentence for the admin: the fix, where there is
    one. ``reserved``: it could not be seen, since the token's user has a task that comes before all others."""

    hardest_first: bool | None
    sentence: str
    reserved: bool = False


def until_served(
    label_studio: LabelStudio,
    project_id: int,
    seconds: float = 60.0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait until the project serves stored predictions, or has no tasks, or for ``seconds``."""
    deadline = clock() + seconds
    while True:
        project = label_studio.project(project_id)
        if project.model_version not in ("", TITLE):
            return True
        if not project.task_count or clock() >= deadline:
            return False
        sleep(1.0)


def check_order(label_studio: LabelStudio, project_id: int) -> OrderReport:
    """Ask for the next task, and compare its score with the lowest one of all open tasks."""
    project = label_studio.project(project_id)
    lowest = _lowest_score(label_studio, project_id)
    if lowest is None:
        return OrderReport(True, "No open task has a prediction of the version that serves: there is nothing to order.")
    try:
        served = label_studio.call("GET", f"api/projects/{project_id}/next")
    except LabelStudioError as error:
        return OrderReport(None, f"Label Studio gives no next task, so the order could not be checked: {error.message}")
    queue = str(served.get("queue") or "")
    scores = [
        float(prediction["score"])
        for prediction in served.get("predictions") or []
        if prediction.get("model_version") == project.model_version and prediction.get("score") is not None
    ]
    if scores and min(scores) <= lowest + _SAME:
        return OrderReport(
            True,
            f"Checked: Label Studio serves the hardest document first (task {served['id']}, score {min(scores):.2f})."
            " It is now reserved for the user of docloop's token, as if opened.",
        )
    if _RESERVED in queue:
        return OrderReport(
            None,
            f"Not measured now: task {served['id']} is reserved for the user of docloop's token, who opened it or for whom an"
            " earlier check asked, so it comes first until it is submitted or skipped, or for a day.",
            reserved=True,
        )
    return OrderReport(
        False,
        f"Label Studio serves task {served['id']} first, which is not the hardest ({queue or 'no queue named'}). In the project's"
        " Settings > Annotation choose Uncertainty sampling, and in Settings > Predictions choose the model version"
        f" {project.model_version or '(none is set)'}, not the model's name.",
    )


def _lowest_score(label_studio: LabelStudio, project_id: int) -> float | None:
    """The score of the open task that should come first; None when there is none with a prediction of the served version."""
    rows = label_studio.task_page(
        project_id, [OPEN, SCORED], "tasks:predictions_score", ("id", "predictions_score"), size=1
    )
    return float(rows[0]["predictions_score"]) if rows else None
