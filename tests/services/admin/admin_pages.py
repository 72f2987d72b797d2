"""What the browser tests of the admin page share: a docloop to look at, and what a page must never do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fake_label_studio import FakeLabelStudio
from playwright.sync_api import BrowserContext, Page, expect
from werkzeug.serving import make_server

from ml_backend.services import Services
from ml_backend.store.records import ProjectRecord
from ml_backend.web.app import create_app

PASSWORD = "test-password"


@dataclass
class Installation:
    """docloop with a project in the middle of its life, beside a Label Studio with one that nobody connected."""

    url: str
    services: Services
    project: ProjectRecord
    label_studio: FakeLabelStudio
    free: int


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """The address of docloop's web process."""
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://localhost:{server.port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Watched:
    """What a page must never do: complain, break a content policy, open a window of its own."""

    faults: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.on("console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("dialog", lambda shown: (self.faults.append(f"dialog {shown.message}"), shown.dismiss()))

    def refused(self, status: int) -> None:
        """Chromium writes every refusal of a server to the console; this many are what the test is about: one."""
        (said,) = [each for each in self.faults if f"status of {status}" in each]
        self.faults.remove(said)


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.goto("/admin")
    page.get_by_label("User name").fill("docloop")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def said(page: Page, text: str) -> None:
    """The sentence stands where screen readers are told of it, and where eyes see it."""
    expect(page.locator("#polite")).to_have_text(text)
    expect(page.locator("#said-text")).to_have_text(text)
    expect(page.locator("#said-text")).to_be_visible()


def sure(page: Page, name: str) -> None:
    page.locator("#confirm").get_by_role("button", name=name).click()
