"""The loop, closed: annotations in, a better model out, its predictions back, in the right order."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest
from fake_label_studio import Fault
from loop_parts import INTERFACE, Loop
from made_receipts import SPECS

from ml_backend.document.fields import Field
from ml_backend.errors import FetchRefused, LabelStudioError
from ml_backend.jobs.queue import JobQueue
from ml_backend.services import Services
from ml_backend.status import project_status, recommendations
from ml_backend.store.holding import held
from training.pauses import Pauses
from training.reconcile import Reconcile
from training.samples import SampleCollector

LABELS = [spec.label for spec in SPECS]


FEW, MANY = 22, 40  # documents: below the threshold and a little above it, and enough to train and judge


@pytest.fixture
def loop(services: Services, queue: JobQueue, request: pytest.FixtureRequest) -> Loop:
    return Loop.of(services, queue, documents=MANY if request.node.get_closest_marker("slow") else FEW)


def test_a_new_project_is_predicted_and_served_the_hardest_first(loop: Loop) -> None:
    loop.turn()
    served = loop.there.projects[loop.project].model_version
    assert loop.open_versions() == {served}
    first = loop.there.next_task(loop.project)
    found = recommendations(loop.services.store, loop.project, served, "http://ls/{task}", limit=None)
    assert found[0]["task"] == first
    assert [each["score"] for each in found] == sorted(each["score"] for each in found)
    assert len(found) == FEW


def test_nothing_is_trained_below_the_threshold_and_the_answer_says_why(loop: Loop) -> None:
    loop.turn()
    loop.annotate(19)
    loop.turn()
    found = project_status(loop.services.store, loop.services.registry, loop.project, time.time(), lambda uid: "")
    assert (found["samples"], found["training"]["runs"]) == (19, [])
    assert found["training"]["answer"] == "19 confirmed documents so far; training starts by itself at 20 (1 more)."


@pytest.mark.slow
def test_at_the_threshold_a_version_is_trained_promoted_served_and_taken_back(loop: Loop) -> None:
    loop.turn()
    baseline = loop.there.projects[loop.project].model_version
    loop.annotate(20)
    loop.turn()  # looks, trains, promotes
    loop.turn()  # re-predicts
    (run,) = loop.services.store.runs.latest(loop.uid, 10)
    assert (run.state, run.version) == ("succeeded", "fields-1"), run.reason
    assert run.verdict.startswith("Promoted: field F1 ")
    served = loop.there.projects[loop.project].model_version
    assert served.startswith("fields-1.")
    assert loop.open_versions() == {served}
    uses = {use.model_version: use for use in loop.services.store.statistics.uses(loop.uid)}
    assert uses[baseline].documents == 20
    order = [loop.there.predictions[loop.shown(task) or 0].score for task in loop.annotate(9)]
    assert order == sorted(order)  # type: ignore[type-var]

    assert loop.services.registry.rollback(loop.uid) == ""
    loop.turn()
    assert loop.there.projects[loop.project].model_version == baseline


@pytest.mark.slow
def test_the_version_of_an_annotator_with_wrong_labels_is_refused(loop: Loop) -> None:
    loop.turn()
    loop.annotate(20)
    loop.turn()
    champion = loop.services.registry.active(loop.uid)

    def shifted(field: Field) -> Field:
        return replace(field, label=LABELS[LABELS.index(field.label) - 1])

    loop.turn()
    loop.annotate(12, shifted, by=7)
    loop.turn()
    newest = loop.services.store.runs.latest(loop.uid, 1)[0]
    assert newest.number == 2
    assert newest.verdict.startswith(f"Kept {champion}")
    assert loop.services.registry.active(loop.uid) == champion


def test_a_request_below_five_documents_is_answered_and_dropped(loop: Loop) -> None:
    loop.turn()
    loop.annotate(3)
    loop.services.store.runs.request(loop.project, "Anna", 1.0)
    loop.turn()
    record = loop.services.store.projects.get(loop.uid)
    assert record is not None
    assert "at least 5 are needed" in record.refusal
    loop.turn()
    record = loop.services.store.projects.get(loop.uid)
    assert record is not None
    assert "at least 5 are needed" in record.refusal  # until a run begins
    assert loop.services.store.runs.requests() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said", "pause"),
    [
        (Fault("down"), "does not answer", 15),
        (Fault("404"), "has no such thing", 15),
        (Fault("500"), "500", 15),
        (Fault("slow", 600), "does not answer", 15),
        (Fault("429", 40), "asks to be left alone", 40),
        (Fault("401"), "Make a new personal access token", 15),
    ],
    ids=lambda one: one.kind if isinstance(one, Fault) else None,
)
def test_while_label_studio_fails_the_project_says_since_when_and_why_and_nothing_is_lost(
    loop: Loop, fault: Fault, said: str, pause: float
) -> None:
    """Promise P15. The pause is the one that Label Studio asked for, where that is longer than ours."""
    loop.turn()
    loop.tick()  # which asks Label Studio for webhooks of ours, once an hour
    loop.annotate(2)
    (late,) = loop.there.add_tasks(loop.project, [{"image": "77"}])
    loop.services.store.runs.request(loop.project, "ann", time.time())
    loop.there.fault = fault
    loop.services.hints.leave(loop.project)
    loop.tick()
    broken = loop.record
    assert said in broken.fault
    assert broken.fault_since is not None
    loop.there.fault = None
    asked = len(loop.there.requests)
    loop.seconds[0] += pause - 1
    loop.tick()  # before the pause is over it is left alone, and not forgotten
    assert len(loop.there.requests) == asked
    assert (loop.record.fault, loop.record.fault_since) == (broken.fault, broken.fault_since)
    loop.seconds[0] += 2
    loop.tick()
    assert (loop.record.fault, loop.record.fault_since) == ("", None)
    assert loop.services.store.samples.count(loop.uid) == 2
    assert loop.shown(late) is not None
    assert "asked to train, with 2 confirmed documents" in loop.record.refusal


@pytest.mark.slow
def test_a_push_that_keeps_failing_is_said_to_fail_since_it_began(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.turn()
    loop.there.add_tasks(loop.project, [{"image": "77"}])
    broken = LabelStudioError("label_studio_500", "It broke.")
    with monkeypatch.context() as patch:
        patch.setattr(loop.worker._pusher, "push", lambda project, progress: (_ for _ in ()).throw(broken))
        loop.turn()
        since = loop.record.fault_since
        for _ in range(5):
            loop.seconds[0] += 1000  # every pause is over
            loop.worker.look(loop.project)
            assert (loop.record.fault, loop.record.fault_since) == ("It broke.", since)
            loop.worker.push(loop.project)
    assert since is not None
    loop.seconds[0] += 1000
    loop.turn()
    assert (loop.record.fault, loop.record.fault_since) == ("", None)


@pytest.mark.slow
def test_what_is_new_after_deletions_is_new_beside_what_is_left(loop: Loop) -> None:
    loop.turn()
    loop.services.store.projects.update(loop.uid, trained_samples=100)
    loop.annotate(21)
    loop.turn()
    assert loop.record.trained_samples == 21
    assert "starts by itself at 31 (10 more)" in loop.record.answer
    loop.annotate(3)
    loop.turn()
    assert "starts by itself at 31 (7 more)" in loop.record.answer


@pytest.mark.slow
def test_a_scheduled_time_that_comes_while_a_training_runs_is_not_lost(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.turn()
    loop.services.store.projects.update(loop.uid, trained_samples=5)
    loop.annotate(6)
    running = loop.services.store.runs.begin(loop.uid, loop.project, "test", "", 5, 1.0)
    assert running is not None
    loop.worker.look(loop.project)
    at = datetime.now(UTC).strftime("%H:%M")
    loop.services.settings = loop.services.settings.model_copy(update={"training_schedule": at})
    loop.services.store.projects.update(loop.uid, answered_at=time.time() - 3600)
    loop.worker.look(loop.project)
    assert "running already" in loop.record.answer
    loop.services.store.runs.cancel(running.id)
    loop.worker.look(loop.project)
    assert "The scheduled time has come" in loop.record.answer


def test_a_skipped_task_and_one_that_nobody_looked_at_are_no_samples(loop: Loop) -> None:
    loop.turn()
    tasks = loop.there.tasks_of(loop.project)
    loop.there.annotate(tasks[0], [], was_cancelled=True)
    loop.there.annotate_from_predictions(tasks[1:3])
    loop.there.pass_time(120)
    loop.turn()
    assert loop.services.store.samples.count(loop.uid) == 0


def test_a_new_task_is_predicted_by_itself(loop: Loop) -> None:
    loop.turn()
    (task,) = loop.there.add_tasks(loop.project, [{"image": "77"}])
    loop.turn()
    assert loop.shown(task) is not None


def test_a_deleted_annotation_takes_its_sample_and_its_corrections_with_it(loop: Loop) -> None:
    loop.turn()
    loop.annotate(2)
    loop.turn()
    assert loop.services.store.samples.count(loop.uid) == 2
    assert list(loop.services.store.ledger.corrections(loop.uid))
    for number in list(loop.there.annotations):
        loop.there.delete_annotation(number)
    loop.there.pass_time(120)
    loop.turn()
    assert loop.services.store.samples.count(loop.uid) == 0
    assert list(loop.services.store.ledger.corrections(loop.uid)) == []


def test_a_look_that_finds_another_one_at_work_comes_back(loop: Loop, queue: JobQueue) -> None:
    loop.turn()
    with held(loop.services.store, f"look-{loop.project}") as mine:
        assert mine
        loop.worker.look(loop.project)
    assert ("look", loop.project) in queue.waiting()


def test_a_project_that_label_studio_does_not_have_any_more_is_left_alone(loop: Loop) -> None:
    loop.turn()
    loop.services.store.runs.request(loop.project, "Anna", 1.0)
    loop.there.delete_project(loop.project)
    loop.services.store.projects.update(loop.uid, seen_as="another token")  # else it would be deleted for certain
    loop.worker.look(loop.project)
    record = loop.services.store.projects.by_number(loop.project)
    assert record is not None
    assert not record.followed
    assert "There is no project" in record.fault
    assert "docloop forget" in record.fault
    assert loop.services.store.runs.requests() == []
    assert loop.services.hints.take() == []


def test_one_404_of_a_proxy_neither_lets_a_project_go_nor_loses_what_was_asked_for(loop: Loop) -> None:
    loop.turn()
    loop.annotate(3)
    loop.services.store.runs.request(loop.project, "Anna", 1.0)
    loop.there.faults.append(Fault("404"))
    loop.worker.look(loop.project)
    assert loop.record.followed
    assert "does a proxy answer in its place" in loop.record.fault
    assert [request.requested_by for request in loop.services.store.runs.requests()] == ["Anna"]
    loop.seconds[0] += 20
    loop.turn()
    assert loop.record.fault == ""
    assert "at least 5 are needed" in loop.record.refusal


def test_an_annotation_that_changes_while_its_pages_are_read_makes_no_old_sample(loop: Loop) -> None:
    loop.turn()
    (task,) = loop.annotate(1)
    predictor = loop.services.predictor

    def read_and_change(url: str, number: int) -> bytes:
        (annotation,) = loop.there.of_task(task)
        if annotation.result:
            loop.there.update(annotation.id, result=[])
            loop.there.pass_time(120.0)
            project = loop.services.access.client().project(loop.project)
            Reconcile(loop.services.access.client(), loop.services.store, project, INTERFACE, time.time()).run(True)
        return predictor.fetch(url, number)

    collector = SampleCollector(loop.services.store, replace(predictor, fetch=read_and_change), Pauses(time.monotonic))
    project = loop.services.access.client().project(loop.project)
    Reconcile(loop.services.access.client(), loop.services.store, project, INTERFACE, time.time()).run()
    collector.collect(loop.uid, INTERFACE)
    assert loop.services.store.samples.load(loop.uid) == []  # not the old one
    collector.collect(loop.uid, INTERFACE)
    (sample,) = loop.services.store.samples.load(loop.uid)
    assert sample.fields == ()  # what the person left


def test_pages_that_cannot_be_read_hold_up_nobody_and_are_not_tried_at_every_look(loop: Loop) -> None:
    loop.turn()
    tasks = loop.annotate(3)
    tries: list[int] = []
    predictor = loop.services.predictor

    def fetch(url: str, number: int) -> bytes:
        if number == min(tasks):
            tries.append(number)
            raise FetchRefused("fetch_timeout", "slow")
        return predictor.fetch(url, number)

    project = loop.services.access.client().project(loop.project)
    Reconcile(loop.services.access.client(), loop.services.store, project, INTERFACE, time.time()).run()
    collector = SampleCollector(loop.services.store, replace(predictor, fetch=fetch), Pauses(lambda: 0.0))
    first, second = (collector.collect(loop.uid, INTERFACE) for _ in range(2))
    assert (first.made, first.failed, first.left) == (2, {min(tasks): "fetch_timeout"}, 0)
    assert (second.made, second.failed, second.left) == (0, {}, 0)
    assert len(tries) == 1


def test_another_label_studio_with_a_project_of_the_same_number_costs_the_first_one_nothing(loop: Loop) -> None:
    loop.turn()
    loop.annotate(2)
    loop.turn()
    store = loop.services.store
    earlier = replace(loop.record, uid="1.1600000000", title="Theirs", seen_as="another address")
    store.projects.remove(loop.uid)
    store.projects.put(earlier)
    loop.worker.look(loop.project)
    assert store.projects.all() == [replace(earlier, fault=store.projects.all()[0].fault, fault_since=ANY)]
    assert "DOCLOOP_LABEL_STUDIO_URL" in store.projects.all()[0].fault
    store.projects.update(earlier.uid, seen_as=loop.services.access.client().identity)
    loop.seconds[0] += 100.0
    loop.worker.look(loop.project)
    assert [one.uid for one in store.projects.all()] == [loop.uid]  # SQLite had given its number out again


def test_predictions_that_label_studio_drops_are_said_and_not_sent_for_ever(loop: Loop) -> None:
    client = loop.services.access.client()
    sent: list[int] = []

    def dropping(project: int, bodies: Sequence[Mapping[str, Any]]) -> int:
        sent.append(len(bodies))
        return 0

    loop.worker.look(loop.project)
    client.import_predictions = dropping  # type: ignore[method-assign]
    for _ in range(3):
        loop.worker.push(loop.project)
    record = loop.services.store.projects.get(loop.uid)
    assert record is not None
    assert f"did not keep {FEW} predictions" in record.fault
    assert sent == [FEW]
