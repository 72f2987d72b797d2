"""docloop's own REST API: how it stands, what to annotate next, train now."""

from __future__ import annotations

import gzip
import json

import pytest
from flask.testing import FlaskClient

from builders import found, interface_xml
from ml_backend.errors import StoreError
from ml_backend.services import Services
from ml_backend.status import project_status
from ml_backend.store.records import AnnotationRecord
from ml_backend.web.schemas.projects import ProjectStatus, Training
from training.corrections import corrections_of

UID = "7.1795000000"
CONFIG = interface_xml("total")


def test_what_to_annotate_next_comes_with_priority_score_reasons_and_link(
    client: FlaskClient, followed: Services
) -> None:
    first, second = client.get("/api/v1/projects/7/recommendations").get_json()["recommendations"]
    assert first == {
        "task": 2,
        "priority": "high",
        "score": 0.2,
        "probability": 0.2,
        "reasons": ["required field total is missing"],
        "fields": {},
        "model_version": followed.version(CONFIG, UID),
        "link": "http://127.0.0.1:9/projects/7/data?task=2",
    }
    assert (second["task"], second["score"], second["probability"]) == (1, 0.9, 0.8)
    assert second["fields"] == {"total": ["12.50"]}


@pytest.mark.parametrize(
    "limit", ["0", "1001", "-1", "x", "1e3", "٣", "9" * 30, "000000001999", "000000001" + "9" * 30, "9" * 5000]
)
def test_a_limit_that_is_none_is_a_400(client: FlaskClient, followed: Services, limit: str) -> None:
    answer = client.get("/api/v1/projects/7/recommendations", query_string={"limit": limit})
    assert answer.status_code == 400
    (fault,) = answer.get_json()["faults"]
    assert fault["where"] == "query.limit"


def test_a_limit_is_kept(client: FlaskClient, followed: Services) -> None:
    assert len(client.get("/api/v1/projects/7/recommendations?limit=1").get_json()["recommendations"]) == 1


def test_train_is_durable_when_it_is_acknowledged_and_asked_twice_is_once(
    client: FlaskClient, followed: Services
) -> None:
    for _ in range(2):
        assert client.post("/api/v1/projects/7/train").status_code == 202
    (request,) = followed.store.runs.requests()
    assert (request.project_id, request.requested_by) == (7, "REST (docloop)")
    assert followed.hints.take() == [7]


def test_nothing_of_the_status_is_left_out_of_the_document(client: FlaskClient, followed: Services) -> None:
    said = project_status(followed.store, followed.registry, 7, 1.0, followed.readers.mark)
    assert set(ProjectStatus.model_fields) == set(said)
    assert set(Training.model_fields) == set(said["training"])
    assert set(client.get("/api/v1/projects/7").get_json()) == set(said)


def test_status_says_what_is_learned_and_why_training_did_not_start(client: FlaskClient, followed: Services) -> None:
    said = client.get("/api/v1/projects/7").get_json()
    assert (said["title"], said["documents"], said["samples"], said["champion"]) == (
        "Receipts",
        2,
        0,
        "keywords (untrained)",
    )
    assert said["training"]["answer"] == "3 confirmed documents so far."
    assert said["model_version"] == followed.version(CONFIG, UID)


@pytest.mark.parametrize("number", ["8", str(2**63), "9" * 40])
@pytest.mark.parametrize(("method", "path"), [("get", ""), ("get", "/recommendations"), ("post", "/train")])
def test_a_project_nobody_follows_is_a_404_that_says_how_to_connect_it(
    client: FlaskClient, followed: Services, method: str, path: str, number: str
) -> None:
    answer = getattr(client, method)(f"/api/v1/projects/{number}{path}")
    assert answer.status_code == 404
    assert f"docloop connect --project {number}" in answer.get_json()["detail"]


def test_ground_truth_is_lines_of_json_gzipped_when_asked(client: FlaskClient, followed: Services) -> None:
    at = "2026-01-01T00:00:00Z"
    record = AnnotationRecord(5, at, at, (found(text="12.60"),), 7, 4.5, reviewed=True, shown=(found(),))
    followed.store.ledger.put(1, record, corrections_of(record, 1, None))
    url = "/api/v1/projects/7/ground-truth/export"
    plain = client.get(url)
    assert plain.content_type == "application/x-ndjson"
    (line,) = map(json.loads, plain.data.splitlines())
    assert (line["task_id"], line["corrections"][0]["new_value"]) == (1, "12.60")
    packed = client.get(url, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert client.get(f"{url}?has_corrections=false").data == b""
    refused = client.get(f"{url}?since=yesterday")
    assert (refused.status_code, "2026-01-31" in refused.get_json()["detail"]) == (400, True)
    assert client.get("/api/v1/projects/8/ground-truth/export").status_code == 404


def test_readers_that_take_their_time_leave_threads_for_others(client: FlaskClient, followed: Services) -> None:
    """Four exports at once; the fifth one is asked to come again, and finds room when one has ended or was given up."""
    url = "/api/v1/projects/7/ground-truth/export"
    slow = [client.get(url, buffered=False) for _ in range(4)]
    refused = client.get(url)
    assert (refused.status_code, refused.get_json()["code"]) == (503, "exports_busy")
    assert refused.content_type == "application/problem+json"
    assert refused.headers["Retry-After"] == "10"
    assert client.get("/api/v1/projects/7").status_code == 200
    slow.pop().close()
    for _ in range(9):
        assert client.get(f"{url}?limit=x").status_code == 400
        assert client.get(url, buffered=True).data == b""
    slow.append(client.get(url, buffered=False))
    assert client.get(url).status_code == 503
    for answer in slow:
        answer.close()


def test_an_export_that_the_store_refuses_makes_room_again(
    client: FlaskClient, followed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "/api/v1/projects/7/ground-truth/export"

    def refuses(*_: object) -> None:
        raise StoreError("database_locked", "The database is locked.")

    with monkeypatch.context() as patch:
        patch.setattr(followed.store.documents, "each", refuses)
        assert [client.get(url).get_json()["code"] for _ in range(9)] == ["database_locked"] * 9
    assert client.get(url).status_code == 200
