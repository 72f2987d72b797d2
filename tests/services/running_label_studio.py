"""What the tests are handed of the Label Studio that runs for them."""

from __future__ import annotations

import socket
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

    def client(self) -> httpx.Client:
        """A client of its API with an access token that lasts 5 minutes."""
        answer = httpx.post(f"{self.url}/api/token/refresh/", json={"refresh": self.token}).raise_for_status()
        bearer = {"Authorization": f"Bearer {answer.json()['access']}"}
        return httpx.Client(base_url=self.url, headers=bearer, timeout=60, follow_redirects=True)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
