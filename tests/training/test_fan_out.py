"""A push over several workers: each predicts a part, one imports, and whoever dies is made up for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from two_workers import DOCUMENTS, Two, two_workers
from waiting import until

from builders import found
from ml_backend.document.fields import Prediction
from ml_backend.errors import DocloopError, LabelStudioError
from ml_backend.jobs.queue import JobQueue
from ml_backend.label_studio.tasks import Task
from ml_backend.pausing import pause, resume
from ml_backend.services import Services
from training.fan_out import BATCH
from training.hands import HANDS
from training.helping import Helper
from training.outcomes import outcome_from_json, outcome_to_json
from training.push_job import Pusher

pytestmark = pytest.mark.slow


@pytest.fixture
def two(services: Services, queue: JobQueue, tmp_path: Path) -> Iterator[Two]:
    with two_workers(services, queue, tmp_path / "another") as made:
        yield made


def test_two_workers_share_a_push_and_label_studio_gets_the_same_as_from_one(two: Two, tmp_path: Path) -> None:
    two.leader.slow = two.helper.slow = 0.003
    with two.side_by_side():
        two.loop.worker.push(two.loop.project)
    shared, records = two.predicted(), kept(two)
    assert len(shared) == DOCUMENTS == len(two.leader.read) + len(two.helper.read)
    assert min(len(two.leader.read), len(two.helper.read)) >= BATCH
    assert two.rows() == {"push_batches": 0, "push_answers": 0}
    assert two.loop.record_version in two.loop.open_versions()
    two.loop.services.store.leases.release("worker-another", "another")
    two.loop.there.delete_predictions(two.loop.project)
    two.loop.worker.push(two.loop.project)
    assert two.predicted() == shared
    assert kept(two) == records


def kept(two: Two) -> dict[int, Any]:
    """What the store has of each prediction; scores depend on the order in which documents come."""
    version = two.loop.record_version
    return {
        document.task_id: (replace(record, score=0.0, pushed_at=0.0), document.content)
        for record, document in two.other.store.predictions.ranking(two.uid, version)
    }


def test_a_worker_alone_touches_no_table(two: Two) -> None:
    two.loop.services.store.leases.release("worker-another", "another")
    two.loop.worker.push(two.loop.project)
    assert len(two.predicted()) == DOCUMENTS
    assert not two.ever_posted()


def test_a_few_documents_are_not_worth_sharing(two: Two) -> None:
    two.loop.there.delete_tasks(two.loop.there.tasks_of(two.loop.project)[2 * BATCH :])
    two.loop.worker.push(two.loop.project)
    assert len(two.predicted()) == 2 * BATCH
    assert not two.ever_posted()


def test_the_last_batches_are_small_so_that_all_workers_end_together(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    store = two.loop.services.store
    sizes: list[int] = []
    post = store.push_batches.post

    def noted(uid: str, version: str, batches: list[dict[int, Task]]) -> list[int]:
        sizes.extend(map(len, batches))
        return post(uid, version, batches)

    monkeypatch.setattr(store.push_batches, "post", noted)
    two.loop.worker.push(two.loop.project)
    assert sum(sizes) == DOCUMENTS
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= BATCH
    assert sizes[-1] <= 4


def test_what_a_dead_worker_had_is_done_by_another(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    post = two.loop.services.store.push_batches.post

    def post_and_die(uid: str, version: str, batches: Any) -> list[int]:
        posted = post(uid, version, batches)
        taken.append(two.other.store.push_batches.claim(uid, version, "dead", time.time(), 0.7))
        return posted

    monkeypatch.setattr(two.loop.services.store.push_batches, "post", post_and_die)
    two.loop.worker.push(two.loop.project)
    assert taken[0]
    assert len(two.predicted()) == len(two.leader.read) == DOCUMENTS


def test_what_a_dead_leader_left_the_next_one_imports(two: Two) -> None:
    version = two.loop.services.version(two.loop.record.label_config, two.uid)
    documents = sorted(found[0] for found in two.other.store.documents.ids(two.uid).values())
    gone = two.loop.there.tasks_of(two.loop.project)[0]
    two.other.store.push_batches.post(two.uid, version, [documents[:9], documents[9:20]])
    assert two.help() == 20
    two.other.store.push_batches.post(two.uid, version, [documents[20:30]])
    two.loop.there.delete_tasks([gone])
    two.loop.services.store.leases.release("worker-another", "another")
    two.loop.worker.push(two.loop.project)
    assert len(two.predicted()) == DOCUMENTS - 1
    assert len(two.leader.read) == DOCUMENTS - 20, "nobody reads again what was answered"
    assert two.rows() == {"push_batches": 0, "push_answers": 0}


def test_what_a_dead_leader_of_another_version_left_is_forgotten(two: Two) -> None:
    documents = [found[0] for found in two.other.store.documents.ids(two.uid).values()]
    two.other.store.push_batches.post(two.uid, f"fields-1.{two.loop.record.fingerprint}", [documents])
    two.loop.worker.push(two.loop.project)
    assert len(two.predicted()) == len(two.leader.read) == DOCUMENTS
    assert two.rows() == {"push_batches": 0, "push_answers": 0}


def test_what_was_answered_is_kept_while_label_studio_takes_no_import(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(project: int, bodies: Any) -> int:
        raise LabelStudioError("unreachable", "Label Studio does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(two.loop.services.access.client(), "import_predictions", away)
        with pytest.raises(LabelStudioError, match="does not answer"):
            Pusher(two.loop.services).push(two.loop.project)
    assert (len(two.leader.read), len(two.predicted())) == (DOCUMENTS, 0)
    two.loop.services.batches.forget()  # a restart
    Pusher(two.loop.services).push(two.loop.project)
    assert (len(two.leader.read), len(two.predicted())) == (DOCUMENTS, DOCUMENTS)
    assert two.rows() == {"push_batches": 0, "push_answers": 0}


def test_a_worker_with_another_version_leaves_the_batches_for_others(two: Two) -> None:
    document = next(iter(two.other.store.documents.ids(two.uid).values()))[0]
    fingerprint = two.loop.record.fingerprint
    two.other.store.push_batches.post(two.uid, f"fields-1.{fingerprint}", [[document]])
    assert two.help() == 0
    assert two.helper.read == []
    assert two.other.store.push_batches.wanting(time.time()) == [(two.uid, f"fields-1.{fingerprint}")]


def test_a_worker_whose_version_changes_in_the_middle_does_not_answer(two: Two) -> None:
    document = next(iter(two.other.store.documents.ids(two.uid).values()))[0]
    version = two.loop.services.version(two.loop.record.label_config, two.uid)
    two.other.store.push_batches.post(two.uid, version, [[document]])

    class Promoted:
        version = "fields-1"

        def extract(self, *paper: Any) -> Any:
            return two.loop.services.champions.baseline.extract(*paper)

    predictor = two.other.batches.predictor
    champions = iter(
        [predictor.champion(two.uid)] * 2
    )  # asked for our version, and for the cache's; then for the answer
    two.other.batches.predictor = replace(predictor, champion=lambda uid: next(champions, Promoted()))  # type: ignore[arg-type]
    assert two.help() == 0
    assert len(two.helper.read) == 1
    assert two.rows() == {"push_batches": 1, "push_answers": 1}
    assert two.other.store.push_batches.wanting(time.time()) == [(two.uid, version)]


def test_what_a_helper_cannot_read_the_leader_reads(two: Two) -> None:
    two.leader.slow, two.helper.refuses = 0.005, lambda number: number % 4 == 0
    with two.side_by_side():
        two.loop.worker.push(two.loop.project)
    assert len(two.predicted()) == DOCUMENTS
    assert two.helper.read
    assert two.loop.record.fault == ""


def test_a_helper_that_can_read_nothing_leaves_all_to_others_for_a_while(two: Two) -> None:
    two.leader.slow, two.helper.refuses = 0.005, lambda number: True
    with two.side_by_side():
        two.loop.worker.push(two.loop.project)
    assert len(two.predicted()) == len(two.leader.read) == DOCUMENTS


def test_a_document_whose_data_changed_since_the_last_look_is_predicted_of_the_new_ones(two: Two) -> None:
    task = two.loop.there.tasks_of(two.loop.project)[3]
    two.loop.there.change_data(task, {"image": "777"})
    two.leader.slow = 0.01
    with two.side_by_side():
        Pusher(two.loop.services).push(two.loop.project)
    assert two.helper.read
    assert 777 in two.leader.read
    assert 777 not in two.helper.read


def test_a_stop_in_the_middle_imports_what_is_ready_and_leaves_the_rest_to_the_next_leader(two: Two) -> None:
    two.leader.slow = 0.01
    pusher, batches = Pusher(two.loop.services), two.loop.services.batches

    def stop() -> None:
        until(lambda: len(two.leader.read) > 3 * BATCH, 10)
        batches.close()

    threading.Thread(target=stop).start()
    with pytest.raises(DocloopError, match="stopped"):
        pusher.push(two.loop.project)
    assert 0 < len(two.predicted()) < DOCUMENTS
    assert two.rows()["push_answers"] == DOCUMENTS - len(two.predicted())
    assert two.help() > 0


def test_a_worker_does_not_help_itself_nor_beyond_its_places(two: Two) -> None:
    version = two.loop.services.version(two.loop.record.label_config, two.uid)
    document = next(iter(two.other.store.documents.ids(two.uid).values()))[0]
    two.other.store.push_batches.post(two.uid, version, [[document]])
    place = threading.Semaphore()
    assert Helper(two.other, lambda uid: uid == two.uid, place).turn(threading.Event()) == 0
    place.acquire()
    assert Helper(two.other, lambda uid: False, place).turn(threading.Event()) == 0
    place.release()
    assert Helper(two.other, lambda uid: False, place).turn(threading.Event()) == 1
    assert place.acquire(blocking=False)


def test_nobody_helps_with_a_project_that_rests(two: Two) -> None:
    store, version = two.other.store, two.loop.services.version(two.loop.record.label_config, two.uid)
    documents = [found[0] for found in store.documents.ids(two.uid).values()]
    store.push_batches.post(two.uid, version, [[one] for one in documents[:8]])
    pause(store, two.loop.record, time.time())
    assert (two.help(), two.helper.read) == (0, [])
    resume(store, two.other.hints, two.loop.record)

    def somebody_pauses(number: int) -> bool:
        pause(store, two.loop.record, time.time())
        return False

    two.helper.refuses = somebody_pauses
    done = two.help()
    assert 0 < done <= HANDS, "each hand ends with the batch that it is at"
    resume(store, two.other.hints, two.loop.record)
    two.helper.refuses = lambda number: False
    assert done + two.help() == 8


def test_a_prediction_travels_whole(two: Two) -> None:
    data = {"image": "5"}
    interface = two.loop.services.interface(two.loop.record.label_config)
    [made] = two.loop.services.batches.predict_all([Task(5, data)], interface, two.uid)
    assert isinstance(made, Prediction)
    made = replace(made, fields=(*made.fields, found(id="r1", words=(1, 2), value="1", reason="so")), notes=("a note",))
    back = outcome_from_json(outcome_to_json(made, data), data)
    assert repr(back) == repr(made)  # also what takes no part in equality
    assert outcome_from_json(outcome_to_json(made, data), {"image": "6"}) is None
    assert outcome_from_json({}, data) is None
    assert outcome_from_json({**outcome_to_json(made, data), "signals": {"missing": 5}}, data) is None
