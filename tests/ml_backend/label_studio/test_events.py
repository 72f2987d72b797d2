"""Webhook bodies."""

from __future__ import annotations

import pytest

from builders import recorded
from ml_backend.label_studio.events import Event


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("10_webhook_TASKS_CREATED.json", "TASKS_CREATED"),
        ("11_webhook_ANNOTATION_CREATED.json", "ANNOTATION_CREATED"),
        ("15_webhook_ANNOTATIONS_DELETED.json", "ANNOTATIONS_DELETED"),
        ("18_webhook_START_TRAINING.json", "START_TRAINING"),
    ],
)
def test_recorded_webhooks_name_their_action_and_project(name: str, expected: str) -> None:
    body = recorded(name)["request"]["body"]
    event = Event.of(body)
    assert event == Event(expected, body["project"]["id"])
    assert event.starts_training is (expected == "START_TRAINING")


@pytest.mark.parametrize(
    "body",
    [None, [], "x", {}, {"action": 3, "project": {"id": 1}}, {"action": "X"}, {"action": "X", "project": {"id": True}},
     {"action": "X", "project": {"id": -1}}, {"action": "X", "project": {"id": "../../etc"}}],
)  # fmt: skip
def test_what_is_no_webhook_is_none(body: object) -> None:
    assert Event.of(body) is None
