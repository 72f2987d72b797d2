"""Many tasks at once: order, budget, cache, one computation a task."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from builders import interface, predictor
from ml_backend.batches import BatchPredictor
from ml_backend.document.fields import Prediction
from ml_backend.errors import FetchRefused
from ml_backend.label_studio.tasks import Task

TOTAL = interface("total")


class Fetch:
    """Counts, blocks on ``slow`` until ``gate`` opens, refuses ``bad``, breaks on ``bug``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = threading.Event()

    def __call__(self, url: str, task: int) -> bytes:
        self.asked.append(url)
        if "slow" in url:
            self.gate.wait(10)
        if "bad" in url:
            raise FetchRefused("url_scheme_refused", "no")
        if "bug" in url:
            raise ZeroDivisionError("a fault of ours")
        return url.encode()


@pytest.fixture
def fetch() -> Fetch:
    return Fetch()


@pytest.fixture
def batches(fetch: Fetch) -> Iterator[BatchPredictor]:
    made = BatchPredictor(predictor(fetch), workers=2)
    yield made
    fetch.gate.set()
    made.close()


def tasks(*urls: str) -> list[Task]:
    return [Task(number, {"image": url}) for number, url in enumerate(urls, 1)]


def kinds(outcomes: list[object]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def test_one_outcome_a_task_in_order_whatever_fails(batches: BatchPredictor) -> None:
    outcomes = batches.predict_all(tasks("a", "bad", "b", "bug"), TOTAL, "1.1")
    assert kinds(outcomes) == ["Prediction", "FetchRefused", "Prediction", "DocloopError"]


@pytest.mark.slow
def test_what_is_not_ready_in_time_goes_on_and_is_there_the_next_time(batches: BatchPredictor, fetch: Fetch) -> None:
    assert kinds(batches.predict_all(tasks("a", "slow"), TOTAL, "1.1", budget=0.5)) == ["Prediction", "NoneType"]
    fetch.gate.set()
    assert kinds(batches.predict_all(tasks("a", "slow"), TOTAL, "1.1", budget=10)) == ["Prediction", "Prediction"]
    assert sorted(fetch.asked) == ["a", "slow"]


def test_a_new_reader_makes_what_is_cached_anew(batches: BatchPredictor, fetch: Fetch) -> None:
    promoted = [""]
    batches.predictor = replace(batches.predictor, reader=lambda project: promoted[0])
    for promoted[0] in ("", "91c0de55", "91c0de55"):
        (made,) = batches.predict_all(tasks("a"), TOTAL, "1.1")
        assert isinstance(made, Prediction)
        assert made.model_version == batches.predictor.version(TOTAL, "1.1")
    assert fetch.asked == ["a", "a"]


def test_a_task_asked_twice_at_once_is_computed_once(batches: BatchPredictor, fetch: Fetch) -> None:
    both = tasks("slow") + tasks("slow")
    fetch.gate.set()
    first, second = batches.predict_all(both, TOTAL, "1.1")
    assert isinstance(first, Prediction)
    assert first is second
    assert fetch.asked == ["slow"]


@pytest.mark.parametrize(
    ("uid", "labels", "why"),
    [("2.1", "total", "another project"), ("1.1", "date", "another interface")],
)
def test_the_cache_is_for_one_project_and_interface(
    batches: BatchPredictor, fetch: Fetch, uid: str, labels: str, why: str
) -> None:
    batches.predict_all(tasks("a"), TOTAL, "1.1")
    batches.predict_all(tasks("a"), interface(labels), uid)
    assert fetch.asked == ["a", "a"], why


def test_a_task_id_that_was_given_out_again_finds_nothing_of_the_old_task(
    batches: BatchPredictor, fetch: Fetch
) -> None:
    batches.predict_all([Task(1, {"image": "old"})], TOTAL, "1.1")
    batches.predict_all([Task(1, {"image": "new"})], TOTAL, "1.1")
    assert fetch.asked == ["old", "new"]


def test_a_cached_prediction_grows_old(fetch: Fetch) -> None:
    now = [0.0]
    made = BatchPredictor(predictor(fetch), workers=1, clock=lambda: now[0])
    made.predict_all(tasks("a"), TOTAL, "1.1")
    now[0] = 601.0
    made.predict_all(tasks("a"), TOTAL, "1.1")
    made.close()
    assert fetch.asked == ["a", "a"]


def test_a_task_that_fails_is_logged_once_a_try_and_tried_again_after_a_pause_that_grows(
    fetch: Fetch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    made = BatchPredictor(predictor(fetch), workers=1, clock=lambda: now[0])
    tries = []
    for now[0] in range(0, 120, 5):
        (outcome,) = made.predict_all(tasks("bad"), TOTAL, "1.1")
        assert isinstance(outcome, FetchRefused)
        tries += [now[0]] * (len(fetch.asked) - len(tries))
    made.close()
    assert tries == [0, 15, 45, 105]
    logged = [record.getMessage() for record in caplog.records if record.name == "ml_backend.batches"]
    assert logged == ["task 1 answered with []: url_scheme_refused"] * 4


@pytest.mark.slow
def test_closing_wakes_those_who_wait(batches: BatchPredictor, fetch: Fetch) -> None:
    """Two workers are held up, a third task waits for one: it is given up, not waited for."""
    outcomes: list[list[object]] = []
    asking = threading.Thread(
        target=lambda: outcomes.append([*batches.predict_all(tasks("slow1", "slow2", "c"), TOTAL, "1.1")])
    )
    asking.start()
    while len(fetch.asked) < 2:
        asking.join(0.01)
    closing = threading.Thread(target=batches.close)
    closing.start()
    asking.join(5)
    assert not asking.is_alive()
    fetch.gate.set()
    closing.join(5)
    assert kinds(outcomes[0])[2] in ("NoneType", "DocloopError")  # asked just before the close, or just after
    assert kinds(batches.predict_all(tasks("d"), TOTAL, "1.1")) == ["DocloopError"]
