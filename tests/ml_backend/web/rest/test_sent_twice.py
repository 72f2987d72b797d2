"""A document that is sent again before, or instead of, an answer: Label Studio would take it, and its prediction, as often."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from application_calls import at, send
from flask.testing import FlaskClient
from loop_parts import Loop
from werkzeug.test import TestResponse

from builders import png
from ml_backend.applications import documents
from ml_backend.label_studio.client import LabelStudio
from ml_backend.uploading import Uploads, digest_of

pytestmark = pytest.mark.slow

THERE = 2  # tasks before anything is sent
ON_ITS_WAY = (409, "document_on_its_way")


def ask(client: FlaskClient, loop: Loop) -> TestResponse:
    return client.post(at(loop), data={"file": (io.BytesIO(png("A")), "a.png")})


def refused(client: FlaskClient, loop: Loop) -> tuple[int, str]:
    answer = ask(client, loop)
    return answer.status_code, answer.get_json()["code"]


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
