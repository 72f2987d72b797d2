"""A real Label Studio and a real browser, each started once a session.

Where one is not installed the tests are skipped with the reason; with REQUIRE_SERVICES=1, as CI sets it, they fail instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from missing import missing
from playwright.sync_api import Browser, BrowserContext, ViewportSize, expect, sync_playwright
from running_label_studio import RunningLabelStudio, free_port

from docloop.label_studio_login import personal_access_token, stored_login
from docloop.label_studio_server import LabelStudioServer

HERE = Path(__file__).parent
ENVIRONMENT = Path(os.environ.get("LABEL_STUDIO_ENVIRONMENT", HERE.parents[1] / ".label-studio"))
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


# Tall, since the editor's list of regions holds only the rows that are on the screen.
SCREEN: ViewportSize = {"width": 1600, "height": 1800}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.services)
            item.add_marker(pytest.mark.timeout(600))  # the first test pays for the start of the servers


@pytest.fixture(scope="session")
def label_studio_environment() -> Path:
    """The virtual environment with Label Studio in it."""
    if not (ENVIRONMENT / "bin" / "label-studio").exists():
        missing(f"there is no Label Studio in {ENVIRONMENT}: make setup")
    return ENVIRONMENT


@pytest.fixture(scope="session")
def label_studio(
    label_studio_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningLabelStudio]:
    """A real Label Studio on an empty folder, shared by the session: every test makes a project of its own."""
    data_dir = tmp_path_factory.mktemp("label-studio")
    login = stored_login(data_dir)
    with LabelStudioServer(label_studio_environment, data_dir, login, free_port(), on_progress=print) as server:
        token = personal_access_token(server.url, login, data_dir)
        yield RunningLabelStudio(server.url, login, token, data_dir)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Chromium, in which each test may open a fresh profile: ``chromium.new_context(base_url=url)``."""
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        missing("there is no Chromium: apt install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def browser(chromium: Browser, label_studio: RunningLabelStudio) -> BrowserContext:
    """A fresh profile that is logged in to Label Studio through the form: ``browser.new_page().goto("/projects")``."""
    context = chromium.new_context(base_url=label_studio.url, viewport=SCREEN)
    context.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    page = context.new_page()
    page.goto("/user/login/")
    page.fill("input[name=email]", label_studio.login.username)
    page.fill("input[name=password]", label_studio.login.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/user/login" not in url)
    page.close()
    return context
