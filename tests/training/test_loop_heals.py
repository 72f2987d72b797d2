"""What fell apart comes together again: predictions that only Label Studio has, tasks that show other pages than they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from loop_parts import Loop, made_predictor
from made_receipts import made_receipt

from ml_backend.answered_tasks import answered_elsewhere
from ml_backend.answers import answer_tasks
from ml_backend.batches import BatchPredictor
from ml_backend.errors import FetchRefused, LabelStudioError, StoreError
from ml_backend.jobs.queue import JobQueue
from ml_backend.label_studio.refusals import REFUSED
from ml_backend.label_studio.results import from_prediction_body
from ml_backend.services import Services
from ml_backend.status import recommendations
from ml_backend.store.store import Store
from training.push_job import Pusher
from training.ranking import StoreRanking, UsualBlocks
from training.recover import AT_ONCE

pytestmark = pytest.mark.slow

DOCUMENTS = 12


@pytest.fixture
def loop(services: Services, queue: JobQueue) -> Loop:
    return Loop.of(services, queue, documents=DOCUMENTS)


def retrieve(loop: Loop, tasks: Sequence[int]) -> dict[int, float]:
    """What "Retrieve Predictions" does: Label Studio stores what /predict answers. The scores by prediction."""
    config = loop.there.projects[loop.project].label_config
    uid = loop.services.access.client().project(loop.project).uid
    scores = {}
    for task in tasks:
        [body] = answer_tasks(loop.services, [{"id": task, "data": loop.there.tasks[task].data}], config, uid)
        scores[loop.there.predict(task, body["result"], body["model_version"], body["score"])] = body["score"]
    return scores


def recommended(loop: Loop) -> dict[int, float]:
    """The scores of all tasks that ``docloop next`` knows."""
    served = loop.there.projects[loop.project].model_version
    found = recommendations(loop.services.store, loop.project, served, "{task}", limit=None)
    return {each["task"]: each["score"] for each in found}


def served(loop: Loop) -> dict[int, float | None]:
    """The scores of all predictions that Label Studio serves, by task; one a task."""
    version = loop.there.projects[loop.project].model_version
    found = [one for one in loop.there.predictions.values() if one.model_version == version]
    assert len({one.task for one in found}) == len(found)
    return {one.task: one.score for one in found}


def writes(loop: Loop) -> list[str]:
    return [method for method, _ in loop.there.requests if method != "GET"]


# -- predictions that only Label Studio has --------------------------------------------------------------------------------


def test_predictions_that_label_studio_retrieved_itself_are_recorded_with_the_score_of_the_ranking(loop: Loop) -> None:
    (twin,) = loop.there.add_tasks(loop.project, [{"image": "0"}])  # a near-duplicate of the first
    bare = retrieve(loop, [1, 2, 3, twin])
    loop.turn()
    assert recommended(loop) == served(loop)
    assert len(recommended(loop)) == DOCUMENTS + 1
    assert [number for number, score in bare.items() if loop.there.predictions[number].score == score] == []
    there = served(loop)
    assert there[1] != pytest.approx(there[twin], abs=0.01), "one of both waits until the other was asked"
    assert next(iter(recommended(loop))) == loop.there.next_task(loop.project)


def test_an_annotation_knows_what_was_shown_though_label_studio_has_retrieved_it(loop: Loop) -> None:
    retrieve(loop, [1])
    loop.there.pass_time(5)
    loop.turn()
    record = loop.services.store.predictions.ranking(loop.uid, loop.there.projects[loop.project].model_version)
    since = {document.task_id: prediction.pushed_at for prediction, document in record}
    assert since[1] == pytest.approx(loop.there.predictions[1].created_at)


def test_predictions_that_were_imported_and_not_recorded_are_recorded_later_as_they_are(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(self: StoreRanking, batch: object) -> None:
        raise StoreError("database_locked", "locked")

    with monkeypatch.context() as patched:
        patched.setattr(StoreRanking, "keep", locked)
        loop.turn()
    before = [one.score for one in loop.there.predictions.values()]
    assert len(before) == DOCUMENTS
    loop.seconds[0] += 20
    loop.turn()
    assert [one.score for one in loop.there.predictions.values()] == before
    assert recommended(loop) == served(loop)


def test_what_label_studio_kept_of_an_import_is_recorded_though_it_refused_some(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = loop.services.access.client()
    whole = client.import_predictions

    def without_the_first(project: int, bodies: Sequence[Mapping[str, Any]]) -> int:
        return whole(project, [body for body in bodies if body["task"] != 1])

    monkeypatch.setattr(client, "import_predictions", without_the_first)
    for _ in range(2):
        loop.turn()
        loop.seconds[0] += 20
    assert sorted(recommended(loop)) == list(range(2, DOCUMENTS + 1))


def test_a_new_store_learns_of_all_predictions_and_changes_none(loop: Loop) -> None:
    loop.turn()
    before = served(loop)
    loop.services.store.projects.remove(loop.uid)
    loop.there.requests.clear()
    loop.turn()
    assert recommended(loop) == before == served(loop)
    assert writes(loop) == []


def test_a_turn_records_only_so_many_and_the_next_goes_on(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert AT_ONCE == 500
    monkeypatch.setattr("training.recover.AT_ONCE", 5)
    monkeypatch.setattr("training.recover.TASKS_AT_ONCE", 2)
    loop.turn()
    loop.services.store.projects.remove(loop.uid)
    counts = []
    for _ in range(4):
        loop.turn()
        counts.append(len(recommended(loop)))
    assert counts == [5, 10, 12, 12]


def test_an_idle_push_asks_label_studio_no_more_than_before(loop: Loop) -> None:
    retrieve(loop, [1, 2])
    loop.turn()
    loop.worker.push(loop.project)  # which finds that there is nothing to tidy
    loop.there.requests.clear()
    loop.worker.push(loop.project)
    project = f"/api/projects/{loop.project}/"
    assert loop.there.requests == [("GET", project), ("GET", "/api/tasks"), ("GET", f"{project}model-versions/")]


def test_pages_that_cannot_be_read_any_more_hold_up_no_other_and_are_left_alone_for_a_while(loop: Loop) -> None:
    retrieve(loop, range(1, DOCUMENTS + 1))
    loop.worker.look(loop.project)
    gone = [1]
    replace_fetch(loop, lambda task: task in gone)
    pusher = Pusher(loop.services, clock=lambda: loop.seconds[0])
    pusher.push(loop.project)
    assert sorted(recommended(loop)) == list(range(2, DOCUMENTS + 1))

    def requests() -> int:
        loop.there.requests.clear()
        pusher.push(loop.project)
        return len(loop.there.requests)

    idle = requests()
    assert requests() == idle
    gone.clear()
    replace_fetch(loop, lambda task: False)
    loop.seconds[0] += 60
    assert requests() > idle
    assert recommended(loop) == served(loop)


def replace_fetch(loop: Loop, refuses: Callable[[int], bool]) -> None:
    """From now on nothing is cached, and the pages of some tasks cannot be had."""

    def fetch(url: str, task: int) -> bytes:
        if refuses(task):
            raise FetchRefused("fetch_timeout", "slow")
        return url.encode()

    loop.services.batches.close()
    loop.services.batches = BatchPredictor(replace(made_predictor(loop.services), fetch=fetch), workers=2)


def test_a_score_that_label_studio_refuses_to_change_holds_up_no_other(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = min(retrieve(loop, range(1, DOCUMENTS + 1)))
    client = loop.services.access.client()
    whole = client.call

    def call(method: str, path: str, **more: Any) -> Any:
        if (method, path) == ("PATCH", f"api/predictions/{refused}/"):
            raise LabelStudioError(REFUSED, "Label Studio answered 500.")
        return whole(method, path, **more)

    monkeypatch.setattr(client, "call", call)
    loop.turn()
    assert sorted(recommended(loop)) == list(range(2, DOCUMENTS + 1))
    assert loop.record.fault == ""


# -- tasks that show other pages -------------------------------------------------------------------------------------------


def texts(loop: Loop, task: int) -> set[str]:
    """What the prediction reads that Label Studio serves."""
    shown = loop.there.predictions[loop.shown(task) or 0]
    return {field.text for field in from_prediction_body({"result": shown.result}).fields}


def total_of(receipt: int) -> set[str]:
    return {field.text for field in made_receipt(receipt).fields}


def test_a_task_that_shows_another_page_gets_the_prediction_of_that_page(loop: Loop) -> None:
    loop.turn()
    assert texts(loop, 1) & total_of(0)
    loop.there.predict(1, [], "somebody-else")
    loop.there.change_data(1, {"image": "77"})
    loop.there.pass_time(200)
    loop.turn()
    assert texts(loop, 1) & total_of(77)
    assert not texts(loop, 1) & (total_of(0) - total_of(77))
    assert recommended(loop) == served(loop)
    assert sum(one.model_version == "somebody-else" for one in loop.there.predictions.values()) == 1
    record, _ = next(
        one
        for one in loop.services.store.predictions.ranking(loop.uid, loop.there.projects[loop.project].model_version)
        if one[1].task_id == 1
    )
    assert {field.text for field in record.fields} == texts(loop, 1)
    loop.there.requests.clear()
    loop.there.pass_time(200)
    loop.turn()
    assert writes(loop) == []


def test_what_an_annotation_was_made_from_stays_when_its_task_shows_another_page(loop: Loop) -> None:
    loop.turn()
    (task,) = loop.annotate(1)
    loop.turn()
    before = dict(loop.there.predictions)
    loop.there.change_data(task, {"image": "77"})
    loop.there.pass_time(200)
    loop.turn()
    assert loop.there.predictions == before


def test_a_change_of_data_is_not_lost_when_the_old_predictions_cannot_be_taken_away(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.turn()
    loop.there.change_data(1, {"image": "77"})
    loop.there.pass_time(200)
    client = loop.services.access.client()
    whole = client.call

    def call(method: str, path: str, **more: Any) -> Any:
        if method == "DELETE":
            raise LabelStudioError("label_studio_unreachable", "Label Studio does not answer.")
        return whole(method, path, **more)

    with monkeypatch.context() as patched:
        patched.setattr(client, "call", call)
        loop.turn()
    assert "does not answer" in loop.record.fault
    loop.seconds[0] += 20
    loop.turn()
    assert texts(loop, 1) & total_of(77)
    assert loop.record.fault == ""


def test_data_that_change_during_a_long_push_are_not_predicted_from_what_they_were(loop: Loop) -> None:
    loop.worker.look(loop.project)

    def change_once(progress: object) -> None:
        if not changed:
            changed.append(True)
            loop.there.change_data(1, {"image": "77"})
            loop.there.pass_time(200)
            loop.worker.look(loop.project)

    changed: list[bool] = []
    report = Pusher(loop.services).push(loop.project, change_once)
    assert [error.code for error in report.failed.values()] == ["task_changed"]
    loop.worker.push(loop.project)
    assert texts(loop, 1) & total_of(77)
    assert recommended(loop) == served(loop)


@pytest.mark.parametrize("deleted", [False, True], ids=["other data", "the number given out again"])
def test_a_task_that_shows_another_page_while_its_prediction_is_imported_gets_that_of_its_page(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, deleted: bool
) -> None:
    client = loop.services.access.client()
    whole, there, task = client.import_predictions, loop.there, DOCUMENTS

    def meanwhile(project: int, bodies: Sequence[Mapping[str, Any]]) -> int:
        monkeypatch.undo()
        if deleted:
            there.delete_tasks([task])
            there.add_tasks(project, [{"image": "77"}])
        else:
            there.change_data(task, {"image": "77"})
        there.pass_time(200)
        loop.worker.look(project)
        return whole(project, bodies)

    monkeypatch.setattr(client, "import_predictions", meanwhile)
    loop.turn()
    there.pass_time(200)
    loop.turn()
    assert texts(loop, task) & total_of(77)
    assert not texts(loop, task) & (total_of(task - 1) - total_of(77))
    assert recommended(loop) == served(loop)
    record, _ = next(
        one for one in loop.services.store.predictions.ranking(loop.uid, loop.record_version) if one[1].task_id == task
    )
    assert {field.text for field in record.fields} == texts(loop, task)
    content = {document.task_id: document.content for document in loop.services.store.documents.each(loop.uid)}
    assert len(set(content.values())) == DOCUMENTS
    there.requests.clear()
    loop.turn()
    assert writes(loop) == []


# -- a reader that is taken back -------------------------------------------------------------------------------------------


def test_after_a_reader_is_taken_back_what_came_meanwhile_is_predicted_by_the_one_before(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = ["91c0de55"]
    read_with(loop, monkeypatch, lambda: marks[-1])
    loop.turn()
    read = loop.record_version
    marks.append("")
    loop.there.add_tasks(loop.project, [{"image": "20"}, {"image": "21"}])
    loop.turn()
    plain = loop.services.version(loop.record.label_config, loop.uid)
    assert "91c0de55" in read
    assert loop.record_version == plain != read
    assert set(served(loop)) == set(loop.there.tasks_of(loop.project))
    assert recommended(loop) == served(loop)


def test_a_reader_promoted_while_a_push_begins_is_the_next_ones(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    marks, asked = ["91c0de55"], set()
    read_with(loop, monkeypatch, lambda: marks[-1])
    usual, elsewhere = UsualBlocks.of, answered_elsewhere

    def slow(self: UsualBlocks, *whose: Any) -> Any:
        marks.append("4bf1c2d9")
        return usual(self, *whose)

    def noted(store: Store, uid: str, version: str, *rest: Any) -> set[int]:
        asked.add(version)
        return elsewhere(store, uid, version, *rest)

    monkeypatch.setattr(UsualBlocks, "of", slow)
    monkeypatch.setattr("training.ranking.answered_elsewhere", noted)
    loop.turn()
    loop.turn()
    assert asked == {loop.record_version}
    assert "4bf1c2d9" in loop.record_version
    assert recommended(loop) == served(loop)


def read_with(loop: Loop, monkeypatch: pytest.MonkeyPatch, mark: Callable[[], str]) -> None:
    """From now on the pages are read by the reader of this mark."""
    monkeypatch.setattr(loop.services.readers, "mark", lambda uid: mark())
    predictor = replace(made_predictor(loop.services), reader=lambda uid: mark())
    loop.services.batches.close()
    loop.services.batches = BatchPredictor(predictor, workers=2)
