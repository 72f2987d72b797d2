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
        return httpx.Response(200, json={"tasks": [{"id": i, "data": {"n": i}} for i in ids]})

    with client(answer) as label_studio:
        rows = list(label_studio.tasks(7))
    assert [row.id for row in rows] == list(range(2, 1201, 2))
    assert rows[0] == TaskRow(2, {"n": 2})
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


@pytest.mark.parametrize(
    ("ends", "unsure"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ReadTimeout("in the middle"), True),
        (httpx.RemoteProtocolError("in the middle"), True),
        (httpx.Response(504, text="the proxy's patience"), True),
        (httpx.Response(524, text="Cloudflare's patience"), True),
        (httpx.Response(500, text="broken"), False),
        (httpx.Response(400, json={"detail": "no"}), False),
    ],
)
def test_whether_a_call_that_failed_may_be_done_all_the_same_is_said(
    ends: httpx.HTTPError | httpx.Response, unsure: bool
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(ends, httpx.HTTPError):
            raise ends
        return ends

    with client(answer) as label_studio, pytest.raises(LabelStudioError) as caught:
        label_studio.import_predictions(1, [])
    assert caught.value.unsure is unsure


def test_there_is_no_client_without_a_token() -> None:
    with pytest.raises(LabelStudioError, match="DOCLOOP_LABEL_STUDIO_TOKEN"):
        LabelStudio("http://ls.example", "")


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="<html>log in"), httpx.Response(200, json=[]), httpx.Response(204)]
)
def test_an_answer_that_is_not_label_studios_is_said_to_be_nonsense(answer: httpx.Response) -> None:
    calls: list[Callable[[LabelStudio], object]] = [
        lambda client: client.project(1),
        lambda client: client.find_project("x"),
        lambda client: list(client.tasks(1)),
        lambda client: client.import_tasks(1, []),
        lambda client: client.import_predictions(1, []),
        lambda client: client.upload(1, "a.png", b"", "image/png"),
    ]
    with client(lambda request: answer) as label_studio:
        for call in calls:
            with pytest.raises(LabelStudioError, match="DOCLOOP_LABEL_STUDIO_URL") as caught:
                call(label_studio)
            assert caught.value.code == "label_studio_nonsense"


def test_an_upload_has_the_url_that_a_browser_needs_also_below_a_path() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = {"file_upload_ids": [4]} if request.method == "POST" else {"file": "upload/7/x-a.png"}
        return httpx.Response(200, json=body)

    with client(answer) as label_studio:
        assert label_studio.upload(7, "a.png", b"", "image/png") == "/sub/data/upload/7/x-a.png"


def test_projects_are_known_by_the_secret_of_their_webhook() -> None:
    hooks = [
        {"project": 9, "headers": {"X-Docloop-Secret": "s"}},
        {"project": 3, "headers": {"X-Docloop-Secret": "s"}},
        {"project": 4, "headers": {"X-Docloop-Secret": "other"}},
        {"project": None, "headers": {"X-Docloop-Secret": "s"}},
        {"project": 5, "headers": None},
    ]
    with client(lambda request: httpx.Response(200, json=hooks)) as label_studio:
        assert label_studio.projects_with_webhook("X-Docloop-Secret", "s") == [3, 9]


def listed(number: int, created: str = "2026-01-01T00:00:00Z") -> dict[str, object]:
    return {"id": number, "title": "Receipts", "created_at": created}


OTHERS = {8: "8.1767225600"}  # as it was known, by its number


@pytest.mark.parametrize(
    ("lists", "others", "gone", "why"),
    [
        ([[listed(8)], [listed(8)]], OTHERS, True, "another one is there as it was"),
        ([[listed(9)], [listed(9)]], {}, True, "no other is known, and some are there"),
        ([[listed(8)], [listed(8), listed(7)]], OTHERS, False, "some seconds later it is there again"),
        ([[listed(8)], []], OTHERS, False, "some seconds later nothing is there"),
        ([[listed(9)]], OTHERS, False, "the others are gone, too: another database?"),
        ([[listed(8, "2026-02-02T00:00:00Z")]], OTHERS, False, "the other one's number is another project's now"),
        ([[]], {}, False, "an empty database"),
    ],
)
def test_a_project_is_gone_when_a_label_studio_that_is_known_says_so_twice(
    lists: list[list[dict[str, object]]], others: dict[int, str], gone: bool, why: str
) -> None:
    asked = iter(lists)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/7/"):
            return httpx.Response(404, json={"detail": "No Project matches the given query."})
        results = next(asked)
        return httpx.Response(200, json={"count": len(results), "results": results})

    with client(answer) as label_studio:
        assert label_studio.deleted(7, others, again=0.0) is gone, why
    assert next(asked, None) is None, "each list was asked for"
