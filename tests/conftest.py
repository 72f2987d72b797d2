"""Fixtures that build up: settings, services, app, client. The OCR engine is the fake twin; all else is real."""

from __future__ import annotations

import base64
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient

from builders import word
from ml_backend.jobs.queue import JobQueue, open_queue
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import Services, build_services
from ml_backend.settings import Settings, load_settings
from ml_backend.store import database
from ml_backend.web.app import create_app

SECRETS = {
    "DOCLOOP_PASSWORD": "test-password",
    "DOCLOOP_API_TOKEN": "test-token",
    "DOCLOOP_WEBHOOK_SECRET": "test-secret",
}

hypothesis.settings.register_profile("quick", max_examples=25)  # of make check; make test tries more


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look through all of it every few hundred objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def nothing_waits_for_the_disk() -> Iterator[None]:
    """Tests kill processes, they do not cut the power: what the kernel has is as good as what the disk has."""
    prepare = database._prepare_sqlite

    def prepare_and_hurry(connection: Any, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous=OFF").close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        patch.setattr(database, "_prepare_sqlite", prepare_and_hurry)
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Known secrets, a folder of its own, a Label Studio that nobody answers for."""
    return load_settings({"DOCLOOP_LABEL_STUDIO_URL": "http://127.0.0.1:9", **SECRETS}, data_dir=tmp_path / "docloop")


@pytest.fixture
def engine() -> FakeEngine:
    """Reads TOTAL 12.50 on every page."""
    return FakeEngine([word("TOTAL", 0.1, 0.5, 0.2, 0.52), word("12.50", 0.3, 0.5, 0.4, 0.52)])


@pytest.fixture
def services(settings: Settings, engine: FakeEngine) -> Iterator[Services]:
    built = build_services(settings, engine=engine)
    yield built
    built.close()


@pytest.fixture
def queue(services: Services) -> Iterator[JobQueue]:
    """The embedded queue of jobs, in the services' data folder."""
    made = open_queue("", services.settings.data_dir)
    yield made
    made.close()


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that shows the right password."""
    client = app.test_client()
    word = base64.b64encode(b"docloop:test-password").decode()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Basic {word}"
    return client
