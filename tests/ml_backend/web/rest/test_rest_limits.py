"""What one request may take of the server: no body, and no costly question, keeps /health and webhooks waiting."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from waiting import until

from contracts.model_registry_contract import manifest, write
from ml_backend.document.version_names import UNTRAINED
from ml_backend.errors import StoreError
from ml_backend.ground_truth.statistics import Statistics
from ml_backend.models import registry
from ml_backend.models.version_files import verify
from ml_backend.services import Services
from ml_backend.web.access import Role
from ml_backend.web.openapi import document
from ml_backend.web.refusals import answer_errors
from ml_backend.web.rest.limits import MOST_BYTES, MOST_VALUES, Places, limited
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas.base import Answer, Asked

UID = "7.1795000000"
JSON = "application/json"
FEEDBACK = "/api/v1/projects/7/feedback"
FIELD = {"label": "total", "text": "12,50, or 13,50", "page": 0, "box": [0.61, 0.72, 0.78, 0.75]}


def holding(services: Services, role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {services.store.tokens.create(role, role, time.time())[1]}"}


def feedback(fields: int) -> dict[str, Any]:
    given = [{**FIELD, "id": str(number)} for number in range(fields)]
    return {"base64": "x", "seconds": 1, "original": given, "corrected": given}


def test_a_body_of_many_lists_is_refused_before_it_is_parsed(client: FlaskClient, services: Services) -> None:
    many = b"[" + b"[]," * 350_000 + b"[]]"
    refused = client.post(
        "/api/v1/parse?interface=receipt", data=many, content_type=JSON, headers=holding(services, "read")
    )
    assert (refused.status_code, refused.content_type) == (413, "application/problem+json")


@pytest.mark.parametrize("each", ["[]", "{}", '"ab"'])
def test_many_values_make_no_objects_where_a_body_may_be_large(
    client: FlaskClient, services: Services, each: str
) -> None:
    body = f"[{','.join([each] * 300_000)}]"
    headers = holding(services, "train")
    tracemalloc.start()
    try:
        refused = client.post(FEEDBACK, data=body, content_type=JSON, headers=headers)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (refused.status_code, f"{MOST_VALUES:,}" in refused.get_json()["detail"]) == (400, True)
    assert peak < 4 * len(body)  # the bytes themselves, a few times


def test_feedback_with_all_the_fields_that_it_may_have_is_no_body_of_too_many_values(client: FlaskClient) -> None:
    answer = client.post(FEEDBACK, json=feedback(2000))
    assert (answer.status_code, answer.get_json()["faults"][0]["where"]) == (400, "body.base64")  # all else was right


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/projects/7/tasks/1/correct", 3_000_000, 404),
        ("/projects/7/tasks/1/correct", 5_000_000, 413),
        ("/projects/7/tasks/1/confirm", MOST_BYTES + 1, 413),
        ("/projects/7/train", MOST_BYTES + 1, 413),
        ("/projects/7/tasks", MOST_BYTES + 1, 413),
    ],
)
def test_each_route_takes_what_it_needs(client: FlaskClient, path: str, size: int, status: int) -> None:
    body = json.dumps({"seconds": 1, "fields": []}).encode()
    answer = client.post(f"/api/v1{path}", data=body + b" " * (size - len(body)), content_type=JSON)
    assert answer.status_code == status, answer.data


def test_a_file_may_be_larger_than_a_json_body(client: FlaskClient) -> None:
    answer = client.post("/api/v1/parse?interface=receipt", data=bytes(2_000_000), content_type="image/png")
    assert answer.status_code == 422


class Word(Asked):
    """What is said."""

    word: str


class Said(Answer):
    """What was said."""

    word: str


class Stage:
    """Three may speak at once, and do until ``end``."""

    def __init__(self) -> None:
        self.end, self.speaking = threading.Event(), 0
        group = self.group = Routes("words", "What is said.")

        @group.add("POST", "/words", Role.READ)
        @limited(Places("tasks_busy", 3))
        def speak(body: Word) -> Said:
            """Speak."""
            self.speaking += 1
            assert self.end.wait(30)
            return Said(word=body.word)

        self.app = Flask("stage", static_folder=None)
        self.app.register_blueprint(group.blueprint)
        answer_errors(self.app)

    def say(self, body: object) -> Any:
        return self.app.test_client().post("/api/v1/words", json=body)


def test_who_finds_no_place_is_told_to_come_again_before_the_body_is_read() -> None:
    stage = Stage()
    with ThreadPoolExecutor(3) as speakers:
        try:
            said = [speakers.submit(stage.say, {"word": "a"}) for _ in range(3)]
            until(lambda: stage.speaking == 3)
            refused = stage.say("nonsense")
            assert (refused.status_code, refused.get_json()["code"], refused.headers["Retry-After"]) == (
                503,
                "tasks_busy",
                "5",
            )
        finally:
            stage.end.set()
        assert [one.result(30).status_code for one in said] == [200] * 3
    assert stage.say("nonsense").status_code == 400


def test_the_document_says_where_a_body_may_be_too_large_and_where_too_many_may_come(client: FlaskClient) -> None:
    (post,) = document([Stage().group])["paths"]["/api/v1/words"].values()
    assert {"413", "503"} < set(post["responses"])
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            assert ("413" in operation["responses"]) == ("requestBody" in operation), (method, path)
    assert "503" in paths["/api/v1/parse"]["post"]["responses"]
    assert "503" not in paths["/api/v1/projects/{project_id}/train"]["post"]["responses"]


@pytest.mark.parametrize("what", ["stats", "forecast"])
def test_of_statistics_that_take_seconds_three_are_made_at_once(
    client: FlaskClient, followed: Services, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    end, running = threading.Event(), list[int]()

    def slow(self: Statistics) -> Any:
        running.append(1)
        assert end.wait(30)
        raise StoreError("database_locked", "It is locked.")

    monkeypatch.setattr(Statistics, "all", slow)
    monkeypatch.setattr(Statistics, "forecast", slow)
    path, headers = f"/api/v1/projects/7/ground-truth/{what}", {"Authorization": "Bearer test-token"}

    def ask() -> Any:
        return client.application.test_client().get(path, headers=headers)

    with ThreadPoolExecutor(3) as askers:
        try:
            asked = [askers.submit(ask) for _ in range(3)]
            until(lambda: len(running) == 3)
            refused = ask()
            assert (refused.status_code, refused.get_json()["code"]) == (503, "statistics_busy")
            assert refused.headers["Retry-After"] == "5"
            assert client.get("/api/v1/projects/7").status_code == 200
        finally:
            end.set()
        assert {one.result(30).get_json()["code"] for one in asked} == {"database_locked"}
    said = client.get("/api/v1/openapi.json").get_json()["paths"]
    assert "503" in said[f"/api/v1/projects/{{project_id}}/ground-truth/{what}"]["get"]["responses"]
    assert "503" in said["/api/v1/projects/{project_id}"]["get"]["responses"]


def test_ten_looks_at_a_status_read_the_files_of_what_serves_once_and_notice_damage(
    client: FlaskClient, followed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.registry.publish(UID, manifest(), write)
    followed.registry.activate(UID, "fields-1")
    read = []
    monkeypatch.setattr(registry, "verify", lambda folder, files: (read.append(folder.name), verify(folder, files)))
    said = [client.get("/api/v1/projects/7").get_json()["champion"] for _ in range(10)]
    assert (said, read) == (["fields-1"] * 10, ["fields-1"])
    (followed.registry.get(UID, "fields-1")[1] / "settings.json").unlink()
    damaged = client.get("/api/v1/projects/7").get_json()
    assert (damaged["champion"], "settings.json is missing" in damaged["champion_fault"]) == (UNTRAINED, True)
