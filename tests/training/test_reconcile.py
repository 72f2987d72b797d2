"""Reconcile against the fake Label Studio; the real one is in tests/services, generated histories in tests/promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fake_label_studio import FakeLabelStudio, Fault

from builders import found, interface, interface_xml, page, prediction, word
from ml_backend.document.elements import Document
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.results import to_results
from ml_backend.store.records import AnnotationRecord, CorrectionRecord, DocumentRecord, PredictionRecord
from ml_backend.store.store import Store, open_store
from training.corrections import corrections_of
from training.reconcile import Reconcile, ReconcileReport

INTERFACE = interface("total", "date")
HERE = Box(0.5, 0.5, 0.6, 0.52)
PLACE = {"x": 1, "y": 1, "width": 9, "height": 2}


def result(text: str = "12.50", label: str = "total") -> list[dict[str, Any]]:
    return to_results(prediction(found(label, text, HERE)), INTERFACE, 1)


@dataclass
class Scene:
    """A project of a fake Label Studio, and docloop's look at it."""

    fake: FakeLabelStudio
    store: Store
    project: int

    def look(self, sweep: bool = False, size: int = 1000, words: Document | None = None) -> ReconcileReport:
        client = self.fake.client()
        project = client.project(self.project)
        self.fake.requests.clear()
        return Reconcile(client, self.store, project, INTERFACE, self.fake.now, lambda _: words, size).run(sweep)

    @property
    def uid(self) -> str:
        return self.fake.client().project(self.project).uid

    def add(self, number: int = 1) -> list[int]:
        return self.fake.add_tasks(self.project, [{"image": f"{n}.png"} for n in range(number)])

    def document(self, task: int) -> DocumentRecord:
        there = self.store.documents.get(self.store.documents.ids(self.uid)[task][0])
        assert there is not None
        return there

    def annotations(self) -> list[AnnotationRecord]:
        return list(self.store.ledger.annotations(self.uid))

    def corrections(self) -> list[tuple[str, str, str, str]]:
        found = self.store.ledger.corrections(self.uid, newest_first=False)
        return [(one.kind, one.cause, one.predicted_value, one.final_value) for one in found]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('reconcile') / Path('docloop.db')}")
    yield opened
    opened.close()


@pytest.fixture
def scene(store: Store) -> Iterator[Scene]:
    fake = FakeLabelStudio()
    yield Scene(fake, store, fake.add_project("Receipts", interface_xml("total", "date")))
    for known in store.projects.all():
        store.projects.remove(known.uid)


def test_an_idle_look_at_a_large_project_is_one_request_and_pulls_nothing(scene: Scene) -> None:
    scene.add(250)
    assert scene.look() == ReconcileReport(documents_new=250)
    scene.look()  # within the minute in which commits may be late, times are compared once more
    assert scene.fake.requests == [("GET", "/api/tasks")]
    scene.fake.pass_time(61)
    scene.look()
    assert scene.look() == ReconcileReport()
    assert scene.fake.requests == [("GET", "/api/tasks")]
    cursor = scene.store.projects.get(scene.uid)
    assert cursor is not None
    assert cursor.cursor > scene.document(250).updated_at, "all of one bulk import are left behind, also of one time"


def test_a_change_that_is_committed_late_is_found_without_a_sweep(scene: Scene) -> None:
    first, second, *_ = scene.add(3)
    scene.look()
    scene.fake.pass_time(100)
    scene.fake.late(50, lambda: scene.fake.annotate(first, result()))
    scene.fake.pass_time(10)
    scene.fake.annotate(second, result())
    scene.fake.pass_time(30)
    assert scene.look().annotations_new == 1
    scene.fake.pass_time(15)
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_new=1)


def test_a_look_that_breaks_off_goes_on_where_it_was_and_leaves_nothing_out(scene: Scene) -> None:
    scene.add(60)
    scene.fake.pass_time(100)
    scene.fake.faults.extend([None] * 4 + [Fault("down")] * 3)  # the project, times, two pages of 2; then three tries
    with pytest.raises(LabelStudioError):
        scene.look(size=20)
    assert scene.store.documents.count(scene.uid) == 4
    assert scene.look(size=20) == ReconcileReport(documents_new=56)


@pytest.mark.parametrize("size", [3, 1000])
def test_deletions_that_nobody_reports_are_found_by_the_number_of_tasks(scene: Scene, size: int) -> None:
    gone, *_ = scene.add(7)
    scene.fake.annotate(gone, result())
    scene.look(size=size)
    scene.fake.delete_tasks([gone])
    assert scene.look(size=size) == ReconcileReport(documents_gone=1, swept=True)
    assert scene.annotations() == []
    scene.fake.delete_all_tasks(scene.project)
    assert scene.look(size=size) == ReconcileReport(documents_gone=6, swept=True)


def test_a_task_with_the_number_of_a_deleted_one_is_another_document(scene: Scene) -> None:
    (task,) = scene.add()
    scene.fake.annotate(task, result())
    scene.look()
    old = scene.document(task)
    scene.fake.delete_tasks([task])
    assert scene.add() == [task]
    assert scene.look() == ReconcileReport(documents_new=1, documents_gone=1)
    assert scene.document(task).id != old.id
    assert scene.document(task).open
    assert scene.annotations() == []


def test_a_project_with_the_number_of_a_deleted_one_begins_anew(scene: Scene) -> None:
    scene.add(3)
    scene.look()
    old = scene.uid
    scene.fake.pass_time(5)
    scene.fake.delete_project(scene.project)
    assert scene.fake.add_project("Invoices", interface_xml("total")) == scene.project
    assert scene.look() == ReconcileReport()
    assert [known.title for known in scene.store.projects.all()] == ["Invoices"]
    assert scene.store.documents.count(old) == 0


def test_every_way_to_change_an_annotation_reaches_the_ledger(scene: Scene) -> None:
    """Also those that send no webhook, and the loss of the ground truth, which moves no time of the annotation."""
    task, other = scene.add(2)
    first = scene.fake.annotate(task, result("1"), ground_truth=True)
    scene.look()
    assert not scene.document(task).open
    second = scene.fake.annotate(task, result("2"), ground_truth=True)
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_new=1)
    assert [(one.annotation_id, one.ground_truth) for one in scene.annotations()] == [(first, False), (second, True)]
    scene.fake.update(first, result=result("3"))
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_changed=1)
    assert [one.fields[0].text for one in scene.annotations()] == ["3", "2"]
    scene.fake.delete_annotation(second)
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_gone=1)
    scene.fake.delete_annotations_of([task, other])
    assert scene.look() == ReconcileReport(documents_changed=1, annotations_gone=1)
    assert scene.document(task).open


def test_what_nobody_looked_at_is_in_the_ledger_but_is_no_truth(scene: Scene) -> None:
    task, skipped = scene.add(2)
    made = scene.fake.predict(skipped, result())
    scene.fake.predict(task, result())
    scene.fake.annotate_from_predictions([task])
    scene.fake.annotate(skipped, result("9"), prediction=made, was_cancelled=True)
    scene.look()
    assert [(one.reviewed, one.skipped) for one in scene.annotations()] == [(False, False), (False, True)]
    assert [scene.document(one).open for one in (task, skipped)] == [False, True], "a skip leaves it open"
    assert scene.corrections() == []
    assert scene.store.samples.missing(scene.uid) == []


def test_corrections_are_against_what_was_shown_also_after_it_was_deleted(scene: Scene) -> None:
    (task,) = scene.add()
    older = scene.fake.predict(task, result("12.00"), "v1")
    scene.fake.predict(task, result("13.00"), "v2")
    annotation = scene.fake.annotate(task, result("12.50"), prediction=older)
    assert scene.look().corrections == 1
    assert scene.corrections() == [("text", "misread characters", "12.00", "12.50")]
    scene.fake.delete_predictions(scene.project)
    scene.fake.update(annotation, result=result("12.51"))
    assert scene.look().corrections == 1
    assert scene.corrections() == [("text", "misread characters", "12.00", "12.51")]
    assert [one.shown_version for one in scene.annotations()] == ["v1"]


def test_causes_found_with_the_words_at_hand_are_not_lost_to_a_look_without_them(scene: Scene) -> None:
    (task,) = scene.add()
    made = scene.fake.predict(task, result("EUR 12.50"))
    scene.fake.annotate(task, result("12.50"), prediction=made)
    scene.look()
    document, (annotation,) = scene.document(task), scene.annotations()
    words = Document((page(word("12.5O", 0.5, 0.5, 0.6, 0.52)),))
    scene.store.ledger.put(document.id, annotation, corrections_of(annotation, task, words))
    scene.fake.change_data(task, {**document.data, "note": "seen"})
    scene.look()
    (correction,) = scene.store.ledger.corrections(scene.uid)
    assert correction.ocr_text == "12.5O"
    sample = Sample("c" * 64, words, annotation.fields, annotation.completed_by, annotation.updated_at)
    scene.store.samples.put(document.id, sample)
    scene.fake.annotate(task, result("12.50"))
    scene.look()
    assert [missing.id for missing, _ in scene.store.samples.missing(scene.uid)] == [document.id], "it is made again"


def test_corrections_are_made_while_everybody_else_can_still_write(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever annotates decides how long they take; the lock on the database is everybody's."""
    renewed: list[bool] = []

    def judge(*given: Any) -> tuple[CorrectionRecord, ...]:
        other = Thread(target=lambda: renewed.append(scene.store.leases.take("worker-b", "b", scene.fake.now, 15.0)))
        other.start()
        other.join(timeout=2.0)
        return corrections_of(*given)

    monkeypatch.setattr("training.reconcile.corrections_of", judge)
    (task,) = scene.add()
    scene.fake.annotate(task, result("12.50"), prediction=scene.fake.predict(task, result("12.00")))
    assert scene.look().corrections == 1
    assert renewed == [True]


def test_what_docloop_pushed_before_is_what_was_shown_when_label_studio_forgot(scene: Scene) -> None:
    (task,) = scene.add()
    scene.look()
    pushed = PredictionRecord(
        scene.document(task).id, "v1", 0.5, 0.5, (found("total", "12.50", HERE),), pushed_at=scene.fake.now
    )
    scene.store.predictions.put_many(
        [pushed, replace(pushed, model_version="v2", fields=(), pushed_at=pushed.pushed_at + 500)]
    )
    scene.fake.pass_time(100)
    scene.fake.annotate(task, result("12.50"))
    scene.look(words=Document((page(word("12.50", 0.5, 0.5, 0.6, 0.52)),)))
    (confirmed,) = scene.store.ledger.corrections(scene.uid)
    assert (confirmed.kind, confirmed.model_version, confirmed.ocr_text, confirmed.engine) == (
        "confirmed", "v1", "12.50", "fake",
    )  # fmt: skip


def test_other_pages_under_the_same_task_lose_what_was_read_of_the_old_ones(scene: Scene) -> None:
    (task,) = scene.add()
    scene.fake.annotate(task, result())
    scene.look()
    document = scene.document(task)
    (annotation,) = scene.annotations()
    scene.store.documents.set_content(document.id, "c" * 64)
    sample = Sample("c" * 64, Document((page(),)), annotation.fields, annotation.completed_by, annotation.updated_at)
    scene.store.samples.put(document.id, sample)
    assert scene.store.samples.missing(scene.uid) == []
    scene.fake.change_data(task, {"image": "other.png"})
    scene.look()
    assert scene.document(task).content == ""
    assert [missing.id for missing, _ in scene.store.samples.missing(scene.uid)] == [document.id]


@pytest.mark.parametrize(
    "region",
    [
        {"id": "a", "type": "rectanglelabels", "value": {**PLACE, "x": "left"}},
        {"id": "a", "type": "rectanglelabels", "value": "none"},
        {"id": "a", "type": "labels", "item_index": "first", "value": {**PLACE, "labels": ["total"]}},
        "no region",
        {"id": "a", "type": "labels", "item_index": 10**30, "value": {**PLACE, "labels": ["total"]}},
        {"id": "a", "type": "labels", "item_index": -1, "value": {**PLACE, "labels": ["total"]}},
    ],
)
def test_an_annotation_without_sense_stops_nothing(scene: Scene, region: Any) -> None:
    odd, good = scene.add(2)
    scene.fake.annotate(odd, [region])
    scene.fake.annotate(good, result())
    assert scene.look() == ReconcileReport(documents_new=2, annotations_new=2, unreadable=1)
    assert [(one.reviewed, len(one.fields)) for one in scene.annotations()] == [(False, 0), (True, 1)]


def test_a_prediction_on_a_page_that_no_document_has_was_not_shown(scene: Scene) -> None:
    (task,) = scene.add()
    beyond = [{**one, "item_index": 10**30} for one in result()]
    scene.fake.annotate(task, result(), prediction=scene.fake.predict(task, beyond))
    assert scene.look().unreadable == 0
    assert [(one.shown, len(one.fields)) for one in scene.annotations()] == [(None, 1)]


@pytest.mark.parametrize("lead_time", ["long", [1], 10**400], ids=["text", "list", "huge"])
def test_an_annotation_whose_lead_time_is_no_number_stops_nothing(scene: Scene, lead_time: Any) -> None:
    (task,) = scene.add()
    scene.fake.annotate(task, result(), lead_time=lead_time)
    assert scene.look().unreadable == 1
    assert [(one.lead_time, one.reviewed) for one in scene.annotations()] == [(None, False)]
