"""A document that is sent again before, or instead of, an answer: Label Studio would take it, and its prediction, as often."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from application_calls import at, send
from flask.testing import FlaskClient
from loop_parts import Loop
from werkzeug.test import TestResponse

from builders import png
from ml_backend.answered_tasks import answered_elsewhere
from ml_backend.applications import documents
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.one_task import add_prediction
from ml_backend.uploading import Uploads, digest_of

pytestmark = pytest.mark.slow

THERE = 2  # tasks before anything is sent
ON_ITS_WAY = (409, "document_on_its_way")


def ask(client: FlaskClient, loop: Loop) -> TestResponse:
    return client.post(at(loop), data={"file": (io.BytesIO(png("A")), "a.png")})


def refused(client: FlaskClient, loop: Loop) -> tuple[int, str]:
    answer = ask(client, loop)
    return answer.status_code, answer.get_json()["code"]


def predictions_of(loop: Loop, task: int) -> int:
    return [one.task for one in loop.there.predictions.values()].count(task)


@pytest.fixture
def turn(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> str:
    """The lease of who sends the file, which is a short one."""
    monkeypatch.setattr(documents, "_LEASE", 0.2)
    return f"send {loop.uid} {digest_of(png('A'))}"


def test_two_requests_with_the_same_file_at_once_make_one_task(anna: FlaskClient, loop: Loop, turn: str) -> None:
    assert loop.services.store.leases.take(turn, "another machine", time.time(), 0.3)
    assert refused(anna, loop) == ON_ITS_WAY
    assert len(loop.there.tasks) == THERE


@pytest.mark.parametrize(("of", "step"), [(Uploads, "task_data"), (LabelStudio, "import_tasks")])
def test_a_file_whose_upload_or_import_takes_long_is_there_once(
    anna: FlaskClient, loop: Loop, turn: str, monkeypatch: pytest.MonkeyPatch, of: type, step: str
) -> None:
    real, others = getattr(of, step), []

    def slow(*asked: Any) -> Any:
        time.sleep(0.5)  # longer than a dead process keeps others out
        others.append(refused(anna, loop))
        return real(*asked)

    monkeypatch.setattr(of, step, slow)
    first = send(anna, loop)
    assert (others, len(loop.there.tasks)) == ([ON_ITS_WAY], THERE + 1)
    again = send(anna, loop)
    assert (first["created"], again["created"], again["tasks"]) == (True, False, first["tasks"])


def test_who_slept_while_another_sent_the_file_imports_nothing(
    anna: FlaskClient, loop: Loop, turn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where that one is done by now."""
    leases, real = loop.services.store.leases, Uploads.task_data

    def sleeps(*asked: Any) -> Any:
        leases.sweep(time.time() + 60)
        return real(*asked)

    monkeypatch.setattr(Uploads, "task_data", sleeps)
    assert refused(anna, loop) == ON_ITS_WAY
    assert len(loop.there.tasks) == THERE


class Unheard:
    """Label Studio's answers to POSTs that end with ``path`` do not come in time; what was asked for is done ``later``."""

    def __init__(self, loop: Loop, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.later: list[Callable[[], object]] = []
        http = loop.services.access.client()._http
        real = http.send

        def gives_up(request: httpx.Request, **options: Any) -> httpx.Response:
            if request.method != "POST" or not request.url.path.endswith(path) or "commit_to" in str(request.url):
                return real(request, **options)
            monkeypatch.setattr(http, "send", real)
            self.later.append(lambda: real(request, **options))
            raise httpx.ReadTimeout("no answer yet")

        monkeypatch.setattr(http, "send", gives_up)


def test_an_import_that_may_go_on_unheard_keeps_the_same_file_out_for_a_while(
    anna: FlaskClient, loop: Loop, turn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_LEASE", 1.0)
    unheard = Unheard(loop, "/import", monkeypatch)
    assert refused(anna, loop) == (502, "label_studio_unreachable")
    assert (len(loop.there.tasks), refused(anna, loop)) == (THERE, ON_ITS_WAY)
    unheard.later[0]()
    time.sleep(1.0)
    assert send(anna, loop)["created"] is False
    assert len(loop.there.tasks) == THERE + 1


def test_two_that_wait_for_the_same_prediction_store_it_once(
    anna: FlaskClient, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's client gave up and sends again while docloop predicts."""
    batches, both = loop.services.batches, threading.Barrier(2)
    predict_all = batches.predict_all

    def together(*asked: Any) -> Any:
        both.wait(20)
        return predict_all(*asked)

    def post() -> Sequence[Any]:
        client = anna.application.test_client()
        client.environ_base.update(anna.environ_base)
        while (answer := ask(client, loop)).status_code == 409:
            time.sleep(0.02)
        return answer.get_json()["tasks"]  # type: ignore[no-any-return]

    def slow(*asked: Any) -> Any:
        time.sleep(0.3)  # the other one could look meanwhile
        return add_prediction(*asked)

    monkeypatch.setattr(batches, "predict_all", together)
    monkeypatch.setattr(documents, "add_prediction", slow)
    with ThreadPoolExecutor(2) as pool:
        first, second = (one.result(30) for one in [pool.submit(post), pool.submit(post)])
    assert first == second
    assert predictions_of(loop, first[0]["task"]) == 1


def test_a_prediction_that_label_studio_may_have_stored_unheard_is_left_out_of_a_push_under_way(
    anna: FlaskClient, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, store = time.time(), loop.services.store
    unheard = Unheard(loop, "/predictions/", monkeypatch)
    assert refused(anna, loop) == (502, "label_studio_unreachable")
    task = max(loop.there.tasks)
    version = loop.services.version(loop.record.label_config, loop.uid)
    assert answered_elsewhere(store, loop.uid, version, [task], began) == {task}
    assert answered_elsewhere(store, loop.uid, version, [task], time.time()) == {task}, "it may not be there yet"
    store.leases.sweep(time.time() + 3600)  # a minute later; what was stored is remembered
    assert answered_elsewhere(store, loop.uid, version, [task], began) == {task}
    assert answered_elsewhere(store, loop.uid, version, [task], time.time()) == set(), "the next push looks itself"
    unheard.later[0]()
    assert send(anna, loop)["created"] is False
    assert predictions_of(loop, task) == 1
