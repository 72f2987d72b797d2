"""Webhooks leave a hint, and nothing else."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from builders import DATA, interface, png, recorded
from ml_backend.label_studio.tasks import Task
from ml_backend.services import Services

WEBHOOKS = sorted(path.name for path in (DATA / "label_studio").glob("*webhook*.json"))


@pytest.mark.parametrize("name", WEBHOOKS)
def test_every_recorded_webhook_leaves_a_hint_for_its_project(
    name: str, client: FlaskClient, services: Services
) -> None:
    body = recorded(name)["request"]["body"]
    assert client.post("/webhook", json=body).status_code == 202
    assert services.hints.take() == [body["project"]["id"]]


def test_start_training_is_kept_and_an_ordinary_event_is_no_request_to_train(
    client: FlaskClient, services: Services
) -> None:
    client.post("/webhook", json=recorded("11_webhook_ANNOTATION_CREATED.json")["request"]["body"])
    assert services.store.runs.requests() == []
    body = recorded("18_webhook_START_TRAINING.json")["request"]["body"]
    client.post("/webhook", json=body)
    (request,) = services.store.runs.requests()
    assert (request.project_id, request.requested_by) == (body["project"]["id"], "Label Studio's button")


def test_the_doctors_start_training_leaves_an_echo_and_trains_nothing(client: FlaskClient, services: Services) -> None:
    body = recorded("18_webhook_START_TRAINING.json")["request"]["body"]
    body["project"]["title"] = "docloop doctor 0123456789ab"
    assert client.post("/webhook", json=body).status_code == 202
    assert services.store.leases.held("docloop doctor ", time.time()) == ["docloop doctor 0123456789ab"]
    assert (services.store.runs.requests(), services.hints.take()) == ([], [])


@pytest.mark.parametrize(
    "title", ["docloop doctor", "docloop doctor 0123456789abc", "My docloop doctor 0123456789ab", None, 7]
)
def test_no_other_title_keeps_a_project_from_being_trained(title: Any, client: FlaskClient, services: Services) -> None:
    body = recorded("18_webhook_START_TRAINING.json")["request"]["body"]
    body["project"]["title"] = title
    client.post("/webhook", json=body)
    assert len(services.store.runs.requests()) == 1


def test_a_deletion_is_a_hint_like_any_other_and_unloads_nothing(client: FlaskClient, services: Services) -> None:
    picture = "data:image/png;base64," + base64.b64encode(png("TOTAL 12.50")).decode()
    services.batches.predict_all([Task(1, {"image": picture})], interface("total"), "7.1795165055")
    body = {"action": "TASKS_DELETED", "project": {"id": 7}, "tasks": [{"id": 1}]}
    assert client.post("/webhook", json=body).status_code == 202
    assert services.hints.take() == [7], "the look that follows deletes it in the store, which every process sees"
    assert len(services.batches._cache) == 1


@pytest.mark.parametrize("body", [[], {}, {"action": "X"}, {"action": "X", "project": {"id": "../../etc/passwd"}}])
def test_what_is_no_webhook_is_a_400_and_leaves_nothing(client: FlaskClient, services: Services, body: Any) -> None:
    assert client.post("/webhook", json=body).status_code == 400
    assert services.hints.take() == []


def test_the_secret_header_is_enough_and_a_wrong_one_is_not(client: FlaskClient) -> None:
    client.environ_base.pop("HTTP_AUTHORIZATION")
    body = recorded("11_webhook_ANNOTATION_CREATED.json")["request"]["body"]
    assert client.post("/webhook", json=body, headers={"X-Docloop-Secret": "test-secret"}).status_code == 202
    assert client.post("/webhook", json=body, headers={"X-Docloop-Secret": "wrong"}).status_code == 401
    assert client.post("/setup", json={}, headers={"X-Docloop-Secret": "test-secret"}).status_code == 401
