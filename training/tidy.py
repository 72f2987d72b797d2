"""Takes away predictions that nobody should be served any more: those of changed pages at once, those of older versions late, and
a few at a time.

Label Studio on SQLite deletes about a hundred predictions a second and answers nobody else meanwhile. So only open tasks are
tidied, only when all of them carry the current version, and the version before stays: a rollback needs it, and so does an
annotator who has a task open since before the promotion. Predictions of other programs are never touched.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ml_backend.document.version_names import is_ours
from ml_backend.label_studio.changes import predictions
from ml_backend.label_studio.client import OPEN, LabelStudio

AT_ONCE = 50  # tasks of one turn


def tidy(label_studio: LabelStudio, project_id: int, keep: Collection[str]) -> int:
    """Delete predictions of docloop's versions other than ``keep`` from some open tasks; how many went."""
    old = sorted(v for v in label_studio.model_versions(project_id) if is_ours(v) and v not in keep)
    gone = 0
    for version in old:
        for task in _open_tasks_with(label_studio, project_id, version):
            for prediction in label_studio.call("GET", "api/predictions/", task=task):
                if prediction["model_version"] == version:
                    label_studio.call("DELETE", f"api/predictions/{prediction['id']}/")
                    gone += 1
        if gone:
            break
    return gone


def retire(label_studio: LabelStudio, project_id: int, tasks: Sequence[int]) -> None:
    """Delete docloop's predictions of these tasks (at most TASKS_AT_ONCE), whatever their version: their pages changed.

    Label Studio keeps them when a task's data are changed, so that no version would ever be found lacking.
    """
    there = predictions(label_studio, project_id, tasks) if tasks else {}
    for number, body in there.items():
        if is_ours(str(body.get("model_version") or "")):
            label_studio.call("DELETE", f"api/predictions/{number}/")


def _open_tasks_with(label_studio: LabelStudio, project_id: int, version: str) -> list[int]:
    has_it = {
        "filter": "filter:tasks:predictions_model_versions",
        "operator": "contains",
        "type": "String",
        "value": [version],
    }
    return [
        int(task["id"]) for task in label_studio.task_page(project_id, [OPEN, has_it], "tasks:id", ("id",), AT_ONCE)
    ]
