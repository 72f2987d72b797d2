"""A project that docloop follows, for the tests of the REST API, and one with a loop over a Label Studio in memory."""

from __future__ import annotations

import time

import pytest
from application_calls import ANNA
from flask.testing import FlaskClient
from loop_parts import Loop
from made_receipts import made_receipt

from builders import found, interface_xml
from ml_backend.document.samples import Sample
from ml_backend.jobs.queue import JobQueue
from ml_backend.services import Services, read_interface
from ml_backend.store.records import DocumentRecord, PredictionRecord, ProjectRecord
from ml_backend.web.app import create_app

UID = "7.1795000000"
CONFIG = interface_xml("total")
PAPER = 5


@pytest.fixture
def followed(services: Services) -> Services:
    """Project 7 with two open documents that are predicted, the second one the harder."""
    fingerprint = read_interface(CONFIG).fingerprint
    store = services.store
    store.projects.put(ProjectRecord(UID, 7, "Receipts", fingerprint, CONFIG, answer="3 confirmed documents so far."))
    at = "2026-01-01T00:00:00Z"
    ids = store.documents.put_many(UID, [DocumentRecord(0, UID, task, at, at, {"image": "a"}) for task in (1, 2)])
    version = services.version(CONFIG, UID)
    store.predictions.put_many(
        [
            PredictionRecord(ids[1, at], version, 0.9, 0.8, (found(),), priority=1),
            PredictionRecord(
                ids[2, at], version, 0.2, 0.2, (), priority=3, reasons=("required field total is missing",)
            ),
        ]
    )
    return services


def paper(image: str) -> Sample:
    """The tasks of the loop are numbered; every file that is sent is receipt 5."""
    return made_receipt(int(image) if image.isdigit() else PAPER)


@pytest.fixture
def loop(services: Services, queue: JobQueue) -> Loop:
    """A followed project with two open tasks that are predicted; Anna may annotate there."""
    made = Loop.of(services, queue, 2, paper)
    made.there.users[3] = ANNA
    made.turn()
    return made


@pytest.fixture
def anna(loop: Loop) -> FlaskClient:
    """An application with Anna's token."""
    client = create_app(loop.services).test_client()
    secret = loop.services.store.tokens.create("app", "train", time.time(), email=ANNA)[1]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client
