"""P1 against the real Label Studio: every way to make, change and delete an annotation, a task or a project is found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_label_studio import RunningLabelStudio

from builders import found, interface, interface_xml, prediction
from ml_backend.document.fields import Field
from ml_backend.document.geometry import Box
from ml_backend.ground_truth.truth import reviewed
from ml_backend.label_studio.changes import all_stamps, predictions, stamps_since, time_text
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.results import from_results, to_prediction_body, to_results
from ml_backend.store.store import Store, open_store
from training.reconcile import Reconcile, ReconcileReport

INTERFACE = interface("total", "date")
PLACES = [Box(0.1, 0.1 * n, 0.4, 0.1 * n + 0.05) for n in range(1, 4)]
SHOWN = tuple(found("total", f"{n}.50", place) for n, place in enumerate(PLACES))


@dataclass
class Scene:
    """A project of the real Label Studio, followed by a store of docloop."""

    client: LabelStudio
    api: httpx.Client
    store: Store
    project: int

    def look(self, sweep: bool = False) -> ReconcileReport:
        project = self.client.project(self.project)
        report = Reconcile(self.client, self.store, project, INTERFACE, time.time()).run(sweep)
        assert self.ledger(project.uid) == self.truth()
        return report

    def truth(self) -> dict[int, Any]:
        """What Label Studio holds, asked for in another way than docloop does."""
        asked = {"project": self.project, "fields": "all", "page_size": 1000, "resolve_uri": "false"}
        tasks = self.api.get("/api/tasks", params=asked).raise_for_status().json()["tasks"]
        return {
            task["id"]: {
                "data": task["data"],
                "open": not task["is_labeled"],
                "annotations": {
                    one["id"]: [fields(from_results(one["result"])), one["was_cancelled"], one["ground_truth"],
                                reviewed(one), time_text(one["updated_at"])]
                    for one in task["annotations"]
                },
            }
            for task in tasks
        }  # fmt: skip

    def ledger(self, uid: str) -> dict[int, Any]:
        of: dict[int, dict[int, Any]] = {}
        for one in self.store.ledger.annotations(uid):
            kept = [fields(one.fields), one.skipped, one.ground_truth, one.reviewed, one.updated_at]
            of.setdefault(one.document_id, {})[one.annotation_id] = kept
        documents = [self.store.documents.get(number) for number, *_ in self.store.documents.ids(uid).values()]
        return {
            one.task_id: {"data": one.data, "open": one.open, "annotations": of.get(one.id, {})}
            for one in documents
            if one
        }

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        answer = self.api.post(path, json=body, params=params).raise_for_status()
        return answer.json() if answer.content else None

    def action(self, name: str, tasks: list[int]) -> None:
        chosen = {"selectedItems": {"all": False, "included": tasks}}
        self.post("/api/dm/actions", {**chosen, "project": self.project}, id=name, project=self.project)

    def annotate(self, task: int, *submitted: Field, **more: Any) -> int:
        body = {"result": to_results(prediction(*submitted), INTERFACE, task), "lead_time": 4.5, **more}
        return int(self.post(f"/api/tasks/{task}/annotations/", body)["id"])

    def change(self, annotation: int, **body: Any) -> None:
        self.api.patch(f"/api/annotations/{annotation}/", json=body).raise_for_status()

    def predictions_of(self, task: int) -> list[dict[str, Any]]:
        return list(self.api.get("/api/predictions/", params={"task": task}).raise_for_status().json())


def fields(read: tuple[Field, ...]) -> list[Any]:
    return [(one.id, one.label, one.text, one.box, one.page) for one in read]


@pytest.fixture
def scene(label_studio: RunningLabelStudio, tmp_path: Path) -> Iterator[Scene]:
    """Five tasks with a prediction each."""
    client = LabelStudio(label_studio.url, label_studio.token)
    store = open_store(f"sqlite:///{tmp_path / 'docloop.db'}")
    project = client.create_project("Reconcile", interface_xml("total", "date"))
    tasks = client.import_tasks(project.id, [{"data": {"image": f"/data/{n}.png"}} for n in range(5)])
    bodies = [{"task": task, **to_prediction_body(prediction(*SHOWN), INTERFACE, task)} for task in tasks]
    assert client.import_predictions(project.id, bodies) == 5
    with label_studio.client() as api:
        yield Scene(client, api, store, project.id)
    store.close()
    client.close()


def test_every_change_and_every_deletion_reaches_the_ledger(scene: Scene) -> None:
    assert scene.look() == ReconcileReport(documents_new=5)
    assert scene.look() == ReconcileReport(), "nothing changed"
    a, b, c, d, e = sorted(scene.truth())
    first = scene.annotate(a, *SHOWN)
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_new=1)
    scene.change(first, result=to_results(prediction(*SHOWN[:2]), INTERFACE, a))
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_changed=1)
    scene.change(first, ground_truth=True)
    second = scene.annotate(a)
    scene.change(second, ground_truth=True)
    scene.look()
    scene.annotate(b, *SHOWN, was_cancelled=True)
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_new=1)
    scene.action("predictions_to_annotations", [c, d, e])
    assert scene.look() == ReconcileReport(documents_changed=3, annotations_new=3)
    scene.post(f"/api/annotations/{second}/convert-to-draft")
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_gone=1)
    scene.api.delete(f"/api/annotations/{first}/").raise_for_status()
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_gone=1)
    scene.action("delete_tasks_annotations", [b, c, d])
    assert scene.look() == ReconcileReport(documents_changed=3, annotations_gone=3)
    scene.api.patch(f"/api/tasks/{b}/", json={"data": {"image": "/data/other.png"}}).raise_for_status()
    assert scene.look() == ReconcileReport(documents_changed=1)
    scene.api.delete(f"/api/tasks/{a}/").raise_for_status()
    assert scene.look() == ReconcileReport(documents_gone=1, swept=True)
    scene.api.delete(f"/api/tasks/{e}/").raise_for_status()
    assert scene.client.import_tasks(scene.project, [{"data": {"image": "/data/new.png"}}]) == [e], "given out again"
    assert scene.look() == ReconcileReport(documents_new=1, documents_gone=1)
    scene.action("delete_tasks", [b, c])
    assert scene.look() == ReconcileReport(documents_gone=2, swept=True)
    assert scene.look(sweep=True) == ReconcileReport(swept=True)
    scene.api.delete(f"/api/projects/{scene.project}/tasks/").raise_for_status()
    assert scene.look() == ReconcileReport(documents_gone=2, swept=True)


def test_corrections_are_against_the_shown_prediction_also_after_it_is_gone(scene: Scene) -> None:
    task = min(scene.truth())
    (shown,) = scene.predictions_of(task)
    annotation = scene.annotate(task, SHOWN[0], found("date", "2.50", PLACES[2]), parent_prediction=shown["id"])
    assert scene.look() == ReconcileReport(documents_new=5, annotations_new=1, corrections=2)
    scene.action("delete_tasks_predictions", [task])
    assert scene.predictions_of(task) == []
    scene.change(annotation, result=to_results(prediction(*SHOWN), INTERFACE, task))
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_changed=1)
    uid = scene.client.project(scene.project).uid
    assert dict(scene.store.ledger.counts(uid)) == {"confirmed": 3}
    assert [one.model_version for one in scene.store.statistics.uses(uid)] == ["v1"]


def test_a_task_whose_data_change_loses_docloops_predictions_and_those_alone(scene: Scene) -> None:
    scene.look()
    task = min(scene.truth())
    (theirs,) = scene.predictions_of(task)
    ours = replace(prediction(*SHOWN), model_version="keywords-2.0123abcd")
    assert scene.client.import_predictions(scene.project, [{"task": task, **to_prediction_body(ours, INTERFACE, task)}])
    scene.api.patch(f"/api/tasks/{task}/", json={"data": {"image": "/data/other.png"}}).raise_for_status()
    assert len(scene.predictions_of(task)) == 2, "Label Studio keeps them all"
    assert scene.look() == ReconcileReport(documents_changed=1)
    assert [one["id"] for one in scene.predictions_of(task)] == [theirs["id"]]
    assert scene.look() == ReconcileReport(documents_changed=1), (
        "a prediction that is deleted moves the time of its task"
    )
    assert scene.look() == ReconcileReport()


def test_a_stored_prediction_comes_back_exactly_as_it_was_sent(scene: Scene) -> None:
    """By that ``training.recover`` tells one of other pages."""
    task = max(scene.truth())
    made = prediction(
        found("total", "Café 9.99", Box(0.1234567, 1 / 3, 2 / 3, 0.9), confidence=0.123456789, reason="so")
    )
    sent = to_prediction_body(replace(made, model_version="keywords-2.0123abcd"), INTERFACE, task)
    assert scene.client.import_predictions(scene.project, [{"task": task, **sent}])
    stored = predictions(scene.client, scene.project, [task])
    assert stored[max(stored)]["result"] == sent["result"]


def test_the_score_of_a_stored_prediction_can_be_changed_and_moves_the_time_of_its_task(scene: Scene) -> None:
    scene.look()
    task = max(scene.truth())
    (before,) = scene.predictions_of(task)
    scene.client.call("PATCH", f"api/predictions/{before['id']}/", body={"score": 0.123456789})
    (after,) = scene.predictions_of(task)
    changing = ("created_ago", "updated_at")
    assert {**before, "score": 0.123456789} == {**after, **{name: before[name] for name in changing}}
    listed = predictions(scene.client, scene.project, [task])[after["id"]]
    assert [listed[name] for name in ("task", "model_version", "score", "created_at")] == [
        task, "v1", 0.123456789, after["created_at"],
    ]  # fmt: skip
    assert scene.look() == ReconcileReport(documents_changed=1)


def test_a_stored_prediction_can_be_changed_in_its_place(scene: Scene) -> None:
    """As ``training.telling`` does when a document like it was confirmed: nobody opens the task without a prediction."""
    task = max(scene.truth())
    (before,) = scene.predictions_of(task)
    now = replace(prediction(found("date", "9.99", PLACES[1])), model_version=before["model_version"])
    body = {"task": task, "project": scene.project, **to_prediction_body(now, INTERFACE, task), "score": 0.25}
    scene.client.call("PATCH", f"api/predictions/{before['id']}/", body=body)
    (after,) = scene.predictions_of(task)
    assert (after["id"], after["score"], after["created_at"]) == (before["id"], 0.25, before["created_at"])
    assert from_results(after["result"]) == now.fields


@pytest.mark.parametrize("size", [2, 4, 1000])
def test_pages_leave_no_task_out_also_among_those_of_one_time(scene: Scene, size: int) -> None:
    tasks = sorted(scene.truth())
    scene.action("predictions_to_annotations", tasks[:4])
    by_id = [stamp for stamps in all_stamps(scene.client, scene.project, size) for stamp in stamps]
    assert [stamp.id for stamp in by_id] == tasks
    assert len({stamp.updated_at for stamp in by_id}) == 2, "a bulk action gives one time to all its tasks"
    by_time = [stamp for stamps in stamps_since(scene.client, scene.project, "", size) for stamp in stamps]
    assert sorted(by_time, key=lambda stamp: stamp.id) == by_id
    assert [stamp.updated_at for stamp in by_time] == sorted(stamp.updated_at for stamp in by_time)
