"""Access tokens end every five minutes; no request of docloop's fails for that."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fake_label_studio_backends import jwt, refresh_token

from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.access_token import AccessToken
from ml_backend.label_studio.client import LabelStudio

URL = "http://ls.example/sub"
LASTS = timedelta(minutes=5)


class Server:
    """Gives out access tokens, and refuses those that have ended: a request is looked at ``queue`` after it came."""

    def __init__(self) -> None:
        self.clock = datetime.now(UTC)
        self.queue = timedelta(0)
        self.given = self.refused = 0
        self.done: list[object] = []
        self.revoked = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/sub/api/token/refresh/":
            if self.revoked:
                return httpx.Response(401, json={"detail": "Token is blacklisted"})
            self.given += 1
            ends = int((self.clock + LASTS).timestamp())
            return httpx.Response(200, json={"access": jwt(token_type="access", exp=ends, jti=self.given)})
        shown = request.headers["Authorization"]
        if not shown.startswith("Bearer ") or self.clock + self.queue >= _end(shown):
            self.refused += 1
            return httpx.Response(401, json={"detail": "Authentication credentials were not provided."})
        self.done.append(json.loads(request.content or b"null"))
        return httpx.Response(200, json=[])


def _end(header: str) -> datetime:
    claims = header.split(".")[1]
    return datetime.fromtimestamp(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"], UTC)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def client(server: Server) -> Iterator[LabelStudio]:
    with closing(LabelStudio(URL, refresh_token(3600), transport=httpx.MockTransport(server))) as made:
        yield made


def test_a_request_may_wait_a_minute_at_label_studio_before_its_token_is_looked_at(server: Server) -> None:
    began, server.queue = server.clock, timedelta(seconds=58)
    with httpx.Client(transport=httpx.MockTransport(server)) as http:
        token = AccessToken(URL, refresh_token(3600), http, lambda: server.clock)
        for seconds, given in ((0, 1), (230, 1), (242, 2), (470, 2), (484, 3)):
            server.clock = began + timedelta(seconds=seconds)
            answer = http.get(f"{URL}/api/x", headers={"Authorization": token.header()})
            assert (answer.status_code, server.given) == (200, given), seconds


def test_what_was_refused_is_sent_again_once_with_a_new_token(server: Server, client: LabelStudio) -> None:
    """Label Studio's clock is an hour ahead: by ours the token is good."""
    client.call("POST", "api/x", body={"first": 1})
    server.clock += timedelta(hours=1)
    client.call("POST", "api/x", body={"second": 2})
    assert server.done == [{"first": 1}, {"second": 2}]
    assert (server.given, server.refused) == (2, 1)


def test_many_threads_that_are_refused_at_once_all_get_through(server: Server, client: LabelStudio) -> None:
    client.call("GET", "api/x")
    server.clock += timedelta(hours=1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: client.call("POST", "api/x", body=number), range(40)))
    assert sorted(server.done[1:], key=str) == sorted(range(40), key=str)
    assert server.given < 10


def test_a_token_that_nothing_helps_is_refused_with_the_fix(server: Server, client: LabelStudio) -> None:
    server.queue = LASTS
    with pytest.raises(LabelStudioError, match="DOCLOOP_LABEL_STUDIO_TOKEN") as caught:
        client.call("GET", "api/x")
    assert caught.value.code == "label_studio_unauthorized"
    assert server.refused == 2


def test_a_token_that_was_revoked_is_refused_with_the_fix(server: Server, client: LabelStudio) -> None:
    client.call("GET", "api/x")
    server.clock += timedelta(hours=1)
    server.revoked = True
    with pytest.raises(LabelStudioError, match="blacklisted") as caught:
        client.call("GET", "api/x")
    assert caught.value.code == "label_studio_unauthorized"


def test_a_legacy_token_is_not_tried_again(server: Server) -> None:
    with (
        closing(LabelStudio(URL, "legacy-token-123", transport=httpx.MockTransport(server))) as client,
        pytest.raises(LabelStudioError),
    ):
        client.call("GET", "api/x")
    assert (server.given, server.refused) == (0, 1)
