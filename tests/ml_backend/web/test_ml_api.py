"""The ML-backend protocol, with the requests that the real Label Studio sent."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from builders import ask, interface_xml, png, recorded
from ml_backend.services import Services

IMAGE = "data:image/png;base64," + base64.b64encode(png("TOTAL 12.50")).decode()
PDF_CONFIG = '<View><Pdf name="p" value="$pdf"/></View>'


def test_health_answers_json_without_a_password(client: FlaskClient) -> None:
    client.environ_base.pop("HTTP_AUTHORIZATION")
    assert client.get("/health").get_json()["status"] == "UP"


def test_setup_names_the_version_that_predictions_carry(client: FlaskClient, services: Services) -> None:
    body = recorded("02_setup.json")["request"]["body"]
    setup = client.post("/setup", json=body).get_json()
    (prediction,) = ask(client, [IMAGE], body["schema"])
    assert setup == {"model_version": services.version(body["schema"], body["project"])}
    assert prediction["model_version"] == setup["model_version"]
    assert client.get("/versions").get_json() == {"versions": [setup["model_version"]]}


def test_setup_says_in_its_status_line_what_is_wrong_with_the_interface(client: FlaskClient) -> None:
    answer = client.post("/setup", json={"project": "1.1", "schema": PDF_CONFIG})
    assert answer.status_code == 422
    assert "<Pdf>" in answer.status
    assert "\n" not in answer.status
    assert answer.get_json()["code"] == "config_without_image"


def test_setup_of_a_project_that_has_no_interface_yet_is_fine(client: FlaskClient) -> None:
    assert client.post("/setup", json={"project": "1.1", "schema": ""}).status_code == 200


def test_one_answer_a_task_in_order_and_a_failed_one_is_an_empty_list(client: FlaskClient) -> None:
    results = ask(client, [IMAGE, "file:///etc/passwd", "http://127.0.0.1:1/x.png", IMAGE, 7])
    assert [type(result).__name__ for result in results] == ["dict", "list", "list", "dict", "list"]
    assert results[1] == []


def test_a_prediction_carries_label_text_and_place(client: FlaskClient) -> None:
    (prediction,) = ask(client, [IMAGE])
    assert {(r["type"], r["from_name"], r["to_name"]) for r in prediction["result"]} == {
        ("rectanglelabels", "label", "image"),
        ("textarea", "transcription", "image"),
    }
    assert next(r["value"]["text"] for r in prediction["result"] if r["type"] == "textarea") == ["12.50"]
    assert 0 <= prediction["score"] <= 1


def test_the_recorded_batch_gets_as_many_answers_as_tasks(client: FlaskClient) -> None:
    """Its images are Label Studio's, which does not answer here: each fails by itself."""
    body = recorded("20_predict_batch.json")["request"]["body"]
    assert client.post("/predict", json=body).get_json() == {"results": [[] for _ in body["tasks"]]}


def test_a_config_that_cannot_be_served_gives_empty_answers_not_an_error(client: FlaskClient) -> None:
    assert ask(client, [IMAGE, IMAGE], PDF_CONFIG) == [[], []]


def test_a_drawn_box_is_answered_with_label_and_text_under_one_id(client: FlaskClient) -> None:
    body = recorded("23_predict_interactive_from_UI.json")["request"]["body"]
    body["tasks"][0]["data"]["image"] = IMAGE
    value = body["params"]["context"]["result"][0]["value"]
    value.update(x=25, y=45, width=30, height=10)  # around the engine's 12.50
    (answer,) = client.post("/predict", json=body).get_json()["results"]
    label, text = answer["result"]
    assert label["id"] == text["id"]
    assert (label["value"]["rectanglelabels"], text["value"]["text"]) == (["total"], ["12.50"])


@pytest.mark.parametrize(
    "context",
    [{"result": [{"type": "relation"}]}, {"result": [{"id": "a", "value": {"x": "?", "y": 1, "width": 1, "height": 1}}]},
     {"result": [{"id": "a", "item_index": 9, "value": {"x": 1, "y": 1, "width": 1, "height": 1}}]},
     {"result": [{"id": "a", "item_index": 1e99, "value": {"x": 1, "y": 1, "width": 1, "height": 1}}]},
     {"result": [{"id": "a", "value": [1]}]},
     {"result": [{"id": "a", "value": {"x": 1e300, "y": None, "width": 1, "height": 1}}]}],
)  # fmt: skip
def test_a_drawn_region_that_makes_no_sense_is_an_empty_answer(client: FlaskClient, context: Any) -> None:
    assert ask(client, [IMAGE], context=context) == [[]]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "nothing"),
        (b"{", "cut off"),
        (b"[]", "not an object"),
        (b'{"tasks": {}}', "tasks are no list"),
        (b'{"tasks": [1]}', "a task is no object"),
        (b"[" * 100_000, "nested deeply"),
        (b'{"tasks": ' + b"[" * 100_000, "nested deeply inside"),
        ("{\udcff".encode("utf-8", "surrogateescape"), "not UTF-8"),
    ],
)
def test_a_malformed_request_is_a_clear_400(client: FlaskClient, data: bytes, why: str) -> None:
    answer = client.post("/predict", data=data, content_type="application/json")
    assert answer.status_code == 400, why
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["detail"]


def test_a_task_with_an_odd_id_is_a_task(client: FlaskClient) -> None:
    odd = [{"id": "x", "data": 7}, {"id": "9" * 5000}, {"data": {"image": IMAGE}}]
    body = {"tasks": odd, "label_config": interface_xml("total")}
    first, second, third = client.post("/predict", json=body).get_json()["results"]
    assert (first, second, bool(third)) == ([], [], True)


def test_a_request_that_comes_while_docloop_stops_is_answered(client: FlaskClient, services: Services) -> None:
    services.close()
    assert ask(client, [IMAGE, IMAGE]) == [[], []]


def test_a_body_beyond_the_limit_is_a_413(client: FlaskClient) -> None:
    answer = client.post("/predict", data=b" " * (33 * 1024 * 1024), content_type="application/json")
    assert (answer.status_code, answer.content_type) == (413, "application/problem+json")


def test_a_fault_of_ours_is_a_500_without_inner_words(client: FlaskClient, services: Services) -> None:
    services.interface = lambda xml: json.loads("secret inner words")
    answer = client.post("/setup", json={"schema": "<View/>"})
    assert answer.status_code == 500
    assert "secret" not in answer.get_data(as_text=True)


def test_failures_are_counted_by_reason(client: FlaskClient) -> None:
    ask(client, ["file:///etc/passwd"])
    assert 'docloop_task_failures_total{code="url_scheme_refused"}' in client.get("/metrics").get_data(as_text=True)
