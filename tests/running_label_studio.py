"""What the tests are handed of the Label Studio that runs for them."""

from __future__ import annotations

import socket
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx

from docloop.label_studio_login import Login


@dataclass(frozen=True, slots=True)
class RunningLabelStudio:
    """A Label Studio that answers: its address, a login, a personal access token."""

    url: str
    login: Login
    token: str
    data_dir: Path

    def access(self) -> str:
        """An access token, which lasts 5 minutes."""
        answer = httpx.post(f"{self.url}/api/token/refresh/", json={"refresh": self.token}).raise_for_status()
        return str(answer.json()["access"])

    def client(self) -> httpx.Client:
        """A client of its API, however long the tests take: an access token lasts 5 minutes."""
        return httpx.Client(base_url=self.url, auth=_Refreshed(self.url, self.token), timeout=60, follow_redirects=True)

    def invited(self, email: str) -> int:
        """The number of a new user, who has signed up by the invitation link, as people come to Label Studio."""
        with self.client() as there:
            invitation = there.get("/api/invite").raise_for_status().json()["invite_url"]
            with httpx.Client(base_url=self.url, follow_redirects=True, timeout=60) as browser:
                page = browser.get(invitation).raise_for_status()
                form = {"email": email, "password": "a-password-of-theirs"}
                form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
                browser.post(str(page.url), data=form).raise_for_status()
            users = there.get("/api/users/").raise_for_status().json()
        return int(next(user["id"] for user in users if user["email"] == email))


class _Refreshed(httpx.Auth):
    """Shows an access token, and takes a new one when that is refused."""

    requires_response_body = True

    def __init__(self, url: str, token: str) -> None:
        self._ask = httpx.Request("POST", f"{url}/api/token/refresh/", json={"refresh": token})
        self._access = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._access}"
        answer = (yield request) if self._access else None
        if answer is None or answer.status_code == 401:
            self._access = (yield self._ask).json()["access"]
            request.headers["Authorization"] = f"Bearer {self._access}"
            yield request


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
