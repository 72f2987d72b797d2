"""One confirmed receipt of a shop pre-fills the others of that shop, in their place, and nobody else's."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest
from loop_parts import Loop
from shops import harbour, mill

from ml_backend.document.samples import Sample
from ml_backend.errors import LabelStudioError
from ml_backend.jobs.queue import JobQueue
from ml_backend.label_studio.client import TaskRow
from ml_backend.label_studio.refusals import REFUSED
from ml_backend.services import Services
from training.push import Push, PushReport, Ready
from training.push_job import Pusher

pytestmark = pytest.mark.slow

RECEIPTS = {
    **{f"h{n}": harbour(f"0{n}/03/2024", f"{n}7.30", name=f"h{n}") for n in range(1, 5)},
    **{f"m{n}": mill(f"1{n}/04/2024", f"{n}1.20", name=f"m{n}") for n in range(1, 4)},
}


@pytest.fixture
def loop(services: Services, queue: JobQueue) -> Loop:
    made = Loop.of(services, queue, list(RECEIPTS), RECEIPTS.__getitem__)
    made.there.now = time.time()
    made.turn()
    return made


def confirm(loop: Loop, image: str) -> None:
    """Somebody opens this one, whatever comes next, and puts all right."""
    task = task_of(loop, image)
    later = [one for one in loop.there.tasks_of(loop.project) if one != task and not loop.there.of_task(one)]
    scores = {one: loop.there.predictions[shown].score for one in later if (shown := loop.shown(one))}
    for one in later:
        loop.there.predictions[loop.shown(one) or 0].score = 1.0
    loop.annotate(1)
    for one, score in scores.items():
        loop.there.predictions[loop.shown(one) or 0].score = score
    assert loop.there.of_task(task)


def task_of(loop: Loop, image: str) -> int:
    return next(t for t in loop.there.tasks_of(loop.project) if loop.there.tasks[t].data["image"] == image)


def said(loop: Loop, image: str) -> dict[str, str]:
    return {field.label: field.text for field in loop.f1_of(task_of(loop, image))}


def truth(sample: Sample) -> dict[str, str]:
    return {field.label: field.text for field in sample.fields}


def test_the_next_receipt_of_the_shop_is_answered_from_the_one_confirmed(loop: Loop) -> None:
    before = {image: loop.shown(task_of(loop, image)) for image in RECEIPTS}
    assert said(loop, "h2").get("total") != "27.30"  # the keywords take the one beside TOTAL
    others = {image: said(loop, image) for image in ("m1", "m2", "m3")}
    confirm(loop, "h1")
    loop.turn()
    for image in ("h2", "h3", "h4"):
        found = said(loop, image)
        for label in ("company", "address", "date", "total"):
            assert found[label] == truth(RECEIPTS[image])[label], (image, label)
    assert {image: said(loop, image) for image in others} == others
    assert {image: loop.shown(task_of(loop, image)) for image in RECEIPTS} == before  # changed in their place
    known = {p.document_id: p for p, _ in loop.services.store.predictions.ranking(loop.uid, loop.record_version)}
    shown = {f.text for p in known.values() for f in p.fields}
    assert {"27.30", "37.30", "47.30"} <= shown  # the store knows what is shown now


def test_what_was_predicted_long_after_a_confirmation_knows_it_already(loop: Loop) -> None:
    """As in a project with thousands of annotations that docloop is connected to."""
    loop.there.now -= 7200.0
    confirm(loop, "h1")
    loop.turn()
    assert said(loop, "h2").get("total") != "27.30"
    assert loop.services.store.samples.untold(loop.uid, 10) == []


def test_a_project_where_nothing_is_new_is_asked_nothing_more(loop: Loop) -> None:
    confirm(loop, "h1")
    loop.turn()
    asked = [method for method, _ in loop.there.requests]
    loop.worker.push(loop.project)
    assert "PATCH" not in [method for method, _ in loop.there.requests[len(asked) :]]
    assert loop.services.store.samples.untold(loop.uid, 10) == []


def test_what_was_not_told_before_a_fault_is_told_after_it(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    confirm(loop, "h1")
    loop.worker.look(loop.project)
    client = loop.services.access.client()
    call = client.call

    def broken(method: str, path: str, *args: object, **more: object) -> object:
        if method == "PATCH" and "predictions" in path:
            raise LabelStudioError("label_studio_500", "It broke.")
        return call(method, path, *args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(client, "call", broken)
        with pytest.raises(LabelStudioError):
            Pusher(loop.services).push(loop.project)
    assert said(loop, "h2").get("total") != "27.30"
    Pusher(loop.services).push(loop.project)
    assert said(loop, "h2")["total"] == "27.30"


def test_a_document_that_is_deleted_meanwhile_holds_up_no_other(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    confirm(loop, "h1")
    loop.worker.look(loop.project)
    told: list[int] = []
    predict = Push.predict

    def and_delete(self: Push, rows: Sequence[TaskRow], report: PushReport) -> Iterator[Ready]:
        told.extend(row.id for row in rows)
        if len(told) == 1:
            gone = next(one for one in map(task_of_h, "234") if one != told[0])
            loop.services.store.documents.remove([loop.services.store.documents.ids(loop.uid)[gone][0]])
        return predict(self, rows, report)

    def task_of_h(number: str) -> int:
        return task_of(loop, f"h{number}")

    monkeypatch.setattr("training.telling.TASKS_AT_ONCE", 1)
    monkeypatch.setattr(Push, "predict", and_delete)
    Pusher(loop.services).push(loop.project)
    assert len(told) == 2
    assert loop.services.store.samples.untold(loop.uid, 10) == []


def test_one_prediction_that_label_studio_refuses_holds_up_no_other(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm(loop, "h1")
    loop.worker.look(loop.project)
    client = loop.services.access.client()
    call = client.call
    closed = f"api/predictions/{loop.shown(task_of(loop, 'h2'))}/"

    def picky(method: str, path: str, *args: object, **more: object) -> object:
        if (method, path) == ("PATCH", closed):
            raise LabelStudioError(REFUSED, "No.")
        return call(method, path, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "call", picky)
    Pusher(loop.services).push(loop.project)
    assert (said(loop, "h3")["total"], said(loop, "h4")["total"]) == ("37.30", "47.30")


def test_what_is_taken_back_is_forgotten(loop: Loop) -> None:
    confirm(loop, "h1")
    loop.turn()
    for number in list(loop.there.annotations):
        loop.there.delete_annotation(number)
    loop.there.pass_time(120)
    loop.turn()
    (late,) = loop.there.add_tasks(loop.project, [{"image": "h4"}])
    loop.turn()
    assert {f.label: f.text for f in loop.f1_of(late)}.get("total") != "47.30"
