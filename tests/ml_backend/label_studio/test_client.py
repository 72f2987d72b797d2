"""The REST client, over a scripted network; the real Label Studio is in tests/services."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.client import LabelStudio, TaskRow

Answer = Callable[[httpx.Request], httpx.Response]


@contextmanager
def client(answer: Answer) -> Iterator[LabelStudio]:
    made = LabelStudio("http://ls.example/sub", "legacy-token-123")
    made._http.close()
    made._http = httpx.Client(transport=httpx.MockTransport(answer))
    yield made
    made.close()


def test_tasks_are_paged_by_key_with_the_exact_url() -> None:
    """500 a page: the second page begins after the last id of the first, whatever came or went meanwhile."""
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/sub/api/tasks"
        assert request.headers["Authorization"] == "Token legacy-token-123"
        after = json.loads(request.url.params["query"])["filters"]["items"][0]["value"]
        asked.append(after)
        ids = range(after + 2, min(after + 1002, 1201), 2)
        tasks = [{"id": i, "data": {"n": i}, "predictions_model_versions": "v1, v2" if i == 2 else ""} for i in ids]
        return httpx.Response(200, json={"tasks": tasks})

    with client(answer) as label_studio:
        rows = list(label_studio.tasks(7))
    assert [row.id for row in rows] == list(range(2, 1201, 2))
    assert rows[0] == TaskRow(2, {"n": 2}, frozenset({"v1", "v2"}))
    assert asked == [0, 1000]


@pytest.mark.parametrize(
    ("method", "expected", "why"),
    [("GET", 3, "a repeated GET changes nothing"), ("POST", 1, "a repeated import would store everything twice")],
)
def test_only_a_get_is_repeated_after_a_fault_of_the_server(method: str, expected: int, why: str) -> None:
    tries: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request.method)
        return httpx.Response(503, text="busy")

    with client(answer) as label_studio, pytest.raises(LabelStudioError):
        label_studio.call(method, "api/x")
    assert len(tries) == expected, why


def test_a_network_that_breaks_off_is_unreachable_with_the_fix() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with client(answer) as label_studio, pytest.raises(LabelStudioError, match="DOCLOOP_LABEL_STUDIO_URL") as caught:
        label_studio.call("GET", "api/x")
    assert caught.value.code == "label_studio_unreachable"


def test_there_is_no_client_without_a_token() -> None:
    with pytest.raises(LabelStudioError, match="DOCLOOP_LABEL_STUDIO_TOKEN"):
        LabelStudio("http://ls.example", "")
