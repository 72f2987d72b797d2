"""Training, versions, releases, pause and connect over REST do what the commands do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fake_label_studio import FakeLabelStudio
from flask.testing import FlaskClient
from made_receipts import made_receipt

from builders import found, interface_xml
from ml_backend.models.manifest import Manifest
from ml_backend.pausing import paused
from ml_backend.services import Services
from ml_backend.store.records import AnnotationRecord
from training.corrections import corrections_of

UID, AT = "7.1795000000", "2026-01-02T03:04:05Z"
P7 = "/api/v1/projects/7"


def write(folder: Path) -> None:
    (folder / "weights.json").write_text("{}")


def publish(services: Services, *numbers: int) -> None:
    for number in numbers:
        verdict = f"Version {number} is better."
        manifest = Manifest(f"fields-{number}", "token-classifier", AT, samples=24, labels=("total",), verdict=verdict)
        services.registry.publish(UID, manifest, write)


def test_the_options_of_a_training_are_those_of_the_command(client: FlaskClient, followed: Services) -> None:
    assert client.post(f"{P7}/train", json={"from_scratch": "small"}).status_code == 202
    (request,) = followed.store.runs.requests()
    assert (request.options, request.requested_by) == (
        {"layout": True, "from_scratch": "small"},
        "REST (docloop) --from-scratch small",
    )
    refused = client.post(f"{P7}/train", json={"from_scratch": "small", "layout": False})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "options_contradict")
    unknown = client.post(f"{P7}/train", json={"release": "ffff"})
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, "release_unknown")


def test_a_training_is_cancelled_and_without_one_there_is_nothing_to_cancel(
    client: FlaskClient, followed: Services
) -> None:
    client.post(f"{P7}/train")
    assert client.post(f"{P7}/cancel").get_json()["detail"] == "The request to train is taken back."
    refused = client.post(f"{P7}/cancel")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "no_run")
    run = followed.store.runs.begin(UID, 7, "docloop", "20 documents", 20, time.time())
    assert run is not None
    assert client.post(f"{P7}/cancel").get_json()["detail"] == "Run 1 is being cancelled."


def test_runs_are_listed_and_one_is_shown_whole(client: FlaskClient, followed: Services) -> None:
    runs = followed.store.runs
    run = runs.begin(UID, 7, "docloop", "20 documents", 20, 1000.0)
    assert run is not None
    runs.claim(run.id, 1001.0)
    assert client.get("/api/v1/queue").get_json()["runs"][0]["state"] == "running"
    metrics = {"challenger": {"f1": 0.9, "odd": float("nan")}}
    runs.finish(run.id, 1, "succeeded", 1100.0, version="fields-1", verdict="Promoted.", metrics=metrics)
    (row,) = client.get(f"{P7}/runs?limit=5").get_json()["runs"]
    assert (row["state"], row["version"], row["f1"]) == ("succeeded", "fields-1", 0.9)
    whole = client.get(f"{P7}/runs/{run.id}").get_json()
    assert whole["metrics"] == {"challenger": {"f1": 0.9, "odd": None}}, "JSON has no NaN"
    assert client.get(f"{P7}/runs/{run.id + 1}").get_json()["code"] == "run_unknown"


def test_versions_are_promoted_and_rolled_back_and_the_worker_is_told(client: FlaskClient, followed: Services) -> None:
    publish(followed, 1, 2)
    served = client.post(f"{P7}/promote", json={"version": "fields-2"})
    assert (served.status_code, served.get_json()) == (
        202,
        {"project": 7, "version": "fields-2", "changed": True, "verdict": "Version 2 is better."},
    )
    assert followed.hints.take() == [7]
    assert client.post(f"{P7}/promote", json={"version": "fields-2"}).get_json()["changed"] is False
    said = client.get(f"{P7}/models").get_json()
    assert (said["champion"], [(v["version"], v["champion"]) for v in said["versions"]]) == (
        "fields-2",
        [("fields-1", False), ("fields-2", True)],
    )
    assert client.post(f"{P7}/promote", json={"version": "fields-9"}).status_code == 404
    assert client.post(f"{P7}/rollback").get_json()["version"] == ""
    assert client.post(f"{P7}/rollback").status_code == 409


def test_a_release_is_frozen_once_and_listed(client: FlaskClient, followed: Services) -> None:
    assert client.post(f"{P7}/releases", json={}).get_json()["code"] == "release_empty"
    for number in (1, 2):
        followed.store.samples.put(number, made_receipt(number))
    made = client.post(f"{P7}/releases", json={"licence": "CC-BY-4.0"})
    assert (made.status_code, made.get_json()["licence"]) == (201, "CC-BY-4.0")
    assert client.post(f"{P7}/releases").get_json()["id"] == made.get_json()["id"]
    assert [one["id"] for one in client.get(f"{P7}/releases").get_json()["releases"]] == [made.get_json()["id"]]


def test_a_project_rests_and_is_resumed(client: FlaskClient, followed: Services) -> None:
    assert client.post(f"{P7}/pause").get_json() == {"project": 7, "paused": True}
    assert client.get(P7).get_json()["paused"] is True
    assert client.get("/api/v1/projects").get_json()["projects"][0]["paused"] is True
    assert client.post(f"{P7}/resume").get_json() == {"project": 7, "paused": False}
    assert not paused(followed.store, UID, time.time())
    assert followed.hints.take() == [7]


@pytest.mark.parametrize("wish", ["reconcile", "repredict"])
def test_a_wish_that_the_worker_sees_to_is_a_hint(wish: str, client: FlaskClient, followed: Services) -> None:
    assert client.post(f"{P7}/{wish}").get_json() == {"status": "kept", "project": 7}
    assert followed.hints.take() == [7]


def test_a_project_is_connected_as_the_command_does_it(client: FlaskClient, services: Services) -> None:
    there = FakeLabelStudio()
    number = there.add_project("Receipts", interface_xml("total"))
    services.access._client = there.client()
    polled = client.post("/api/v1/projects", json={"project": number, "poll_only": True})
    assert (polled.status_code, polled.get_json()) == (
        202,
        {"project": number, "title": "Receipts", "url": "", "order": ""},
    )
    assert there.projects[number].sampling == "Uncertainty sampling"
    assert services.hints.take() == [number]
    unknown = client.post("/api/v1/projects", json={"project": 99, "poll_only": True})
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, "label_studio_project_gone")


def test_corrections_are_listed_the_newest_first_without_what_was_confirmed(
    client: FlaskClient, followed: Services
) -> None:
    record = AnnotationRecord(5, AT, AT, (found(text="12.60"),), 7, 4.5, reviewed=True, shown=(found(),))
    followed.store.ledger.put(1, record, corrections_of(record, 1, None))
    same = AnnotationRecord(6, AT, AT, (found(),), 7, 4.5, reviewed=True, shown=(found(),))
    followed.store.ledger.put(2, same, corrections_of(same, 2, None))
    (row,) = client.get(f"{P7}/corrections").get_json()["corrections"]
    assert (row["kind"], row["predicted_value"], row["final_value"]) == ("text", "12.50", "12.60")
    assert len(client.get(f"{P7}/corrections?all=true").get_json()["corrections"]) == 2


def test_work_that_is_held_is_told_with_its_progress(client: FlaskClient, followed: Services) -> None:
    followed.store.leases.take("push-7", "worker", time.time(), 60.0)
    said = client.get("/api/v1/queue").get_json()
    version = followed.version(interface_xml("total"), UID)
    assert said["pushes"] == [{"project": 7, "model_version": version, "done": 2, "total": 2}]
    assert [hold["name"] for hold in said["held"]] == ["push-7"]
    assert said["waiting"] == []
