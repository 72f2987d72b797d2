"""A project that docloop follows, for the tests of the REST API."""

from __future__ import annotations

import pytest

from builders import found, interface_xml
from ml_backend.services import Services, read_interface
from ml_backend.store.records import DocumentRecord, PredictionRecord, ProjectRecord

UID = "7.1795000000"
CONFIG = interface_xml("total")


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
