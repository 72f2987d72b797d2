"""A docloop with a project in the middle of its life, and somebody who has logged in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from admin_pages import PASSWORD, Installation, Watched, log_in, serving
from fake_label_studio import FakeLabelStudio
from filled_installation import fill, xml
from playwright.sync_api import Browser, Page, expect
from served_label_studio import TOKEN, served

from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import build_services
from ml_backend.settings import load_settings
from ml_backend.status import WORKER


@pytest.fixture
def docloop(tmp_path: Path) -> Iterator[Installation]:
    there = FakeLabelStudio()
    there.connections.network = httpx.HTTPTransport()
    free = there.add_project("Invoices", xml(("total",)))
    with served(there) as address:
        environment = {
            "DOCLOOP_LABEL_STUDIO_URL": address,
            "DOCLOOP_LABEL_STUDIO_TOKEN": TOKEN,
            "DOCLOOP_PASSWORD": PASSWORD,
        }
        services = build_services(load_settings(environment, data_dir=tmp_path / "docloop"), engine=FakeEngine([]))
        project = fill(services)
        services.store.leases.take(f"{WORKER}host-1", "host-1", time.time(), 3600)
        services.access.client()  # imports the SDK, which takes seconds
        with serving(services) as url:
            yield Installation(url, services, project, there, free)
        services.close()
        there.connections.network.close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    assert made.faults == []


@pytest.fixture
def page(chromium: Browser, docloop: Installation, watched: Watched) -> Iterator[Page]:
    """A page of somebody who has logged in."""
    context = chromium.new_context(base_url=docloop.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    expect.set_options(timeout=15_000)
    page = context.new_page()
    log_in(page)
    watched.over(context)
    yield page
    context.close()
