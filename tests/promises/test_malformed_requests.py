"""P11: whatever a request says, docloop answers, and what it answers is what its document says.

schemathesis makes requests from the OpenAPI document, right ones and wrong ones, for the real application in this process.
``PROMISES=full``: 10,000 of them, else some hundred. What no generator thinks of is sent by hand, to every route there is.
``PROMISES_SEED`` replays a run.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from fake_label_studio import FakeLabelStudio, FakeProject
from fake_label_studio_backends import Connections
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from waiting import until

from builders import found, interface_xml, prediction
from ml_backend.label_studio.results import to_results
from ml_backend.made_exports import made_exports
from ml_backend.services import Services, read_interface
from ml_backend.store.records import AnnotationRecord, DocumentRecord, PredictionRecord, ProjectRecord
from training.corrections import corrections_of

FULL = os.environ.get("PROMISES") == "full"
SEED = int(os.environ.get("PROMISES_SEED", "20261120"))
CASES = 10_000 if FULL else 300  # over all routes
UID, CONFIG, AT = "7.1795000000", interface_xml("total"), "2026-01-01T00:00:00Z"
TOKEN = {"Authorization": "Bearer test-token"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture
def busy(services: Services) -> Iterator[Services]:
    """Project 7 with a confirmed and an open document, a run, a token and an export, beside a Label Studio that answers."""
    backend = httpx.MockTransport(lambda request: httpx.Response(200, json={"model_version": "v1"}))
    label_studio = FakeLabelStudio(connections=Connections(backend))
    label_studio.projects[7] = FakeProject(7, "Receipts", CONFIG, 1_795_000_000.0)
    for task in label_studio.add_tasks(7, [{"image": "a"}, {"image": "b"}]):
        label_studio.predict(task, to_results(prediction(found()), read_interface(CONFIG), task))
    services.access._client = label_studio.client()
    store = services.store
    store.projects.put(ProjectRecord(UID, 7, "Receipts", read_interface(CONFIG).fingerprint, CONFIG))
    rows = [DocumentRecord(0, UID, task, AT, AT, {"image": "a"}) for task in (1, 2)]
    ids = store.documents.put_many(UID, rows)
    version = services.version(CONFIG, UID)
    store.predictions.put_many([PredictionRecord(ids[task, AT], version, 0.5, 0.5, (found(),)) for task in (1, 2)])
    record = AnnotationRecord(5, AT, AT, (found(text="12.60"),), 7, 4.5, reviewed=True, shown=(found(),))
    store.ledger.put(ids[1, AT], record, corrections_of(record, 1, None))
    store.runs.begin(UID, 7, "docloop", "20 documents", 20, 1_795_000_000.0)
    store.tokens.create("dashboard", "read", 1_795_000_000.0)
    yield services
    made = made_exports(services)
    until(lambda: all(one.state != "running" for one in made.all()))


def operations(client: FlaskClient) -> list[Any]:
    document = client.get("/api/v1/openapi.json").get_json()
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    schema.app = client.application
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.slow
@pytest.mark.timeout(3600 if FULL else 120)
def test_whatever_is_sent_the_answer_is_one_that_the_document_has(client: FlaskClient, busy: Services) -> None:
    found = operations(client)
    each = max(2, -(-CASES // (2 * len(found))))
    tried = 0
    for operation in found:
        known = {"path_parameters": {"project_id": 7}} if "{project_id}" in operation.path else {}
        for name in ("run_id", "task_id"):
            if f"{{{name}}}" in operation.path:
                known["path_parameters"][name] = 1
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            given = known if mode is GenerationMode.POSITIVE else {}

            @hypothesis.seed(SEED)
            @hypothesis.settings(
                max_examples=each, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            @hypothesis.given(case=operation.as_strategy(mode, **given))
            def answered(case: Any) -> None:
                nonlocal tried
                tried += 1
                case.call_and_validate(headers=TOKEN, checks=CHECKS)

            with suppress(Unsatisfiable):  # nothing can be said wrong on a route that takes nothing
                answered()
    sys.stdout.write(f"P11: {tried} requests to {len(found)} routes, seed {SEED}: all answered as documented\n")
    assert tried >= CASES * 0.5


WRONG: dict[str, tuple[bytes, dict[str, str], int]] = {
    "not JSON": (b"tasks=1", {}, 400),
    "cut off": (b'{"project": ', {}, 400),
    "not UTF-8": (b'{"a": "\xff"}', {}, 400),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), {}, 400),
    "10,000 lists deep": (b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", {}, 400),
    "10,000 objects deep": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, {}, 400),
    "NaN": (b'{"project": NaN}', {}, 400),
    "-Infinity": (b'{"project": -Infinity}', {}, 400),
    "a number that becomes infinite": (b'{"project": 1e999}', {}, 400),
    "a number of 5,000 digits": (b'{"project": ' + b"9" * 5000 + b"}", {}, 400),
    "half a character": (b'{"project": "\\ud800"}', {}, 400),
    "a key twice": (b'{"project": 7, "project": 8}', {}, 400),
    "a list": (b"[1, 2]", {}, 400),
    "a word": (b'"train"', {}, 400),
    "null": (b"null", {}, 400),
    "33 MB": (b" " * (33 * 1024 * 1024), {}, 413),
    "gzip that is none": (b"\x1f\x8bnonsense", {"Content-Encoding": "gzip"}, 415),
    "gzip that is one": (gzip.compress(b'{"project": 7}'), {"Content-Encoding": "gzip"}, 415),
    "a packing that nobody knows": (b"{}", {"Content-Encoding": "x-odd, br"}, 415),
}


def paths(app: Flask, method: str) -> list[str]:
    """An address for every route that takes ``method``; of project 7 where it has a project."""
    rules = [rule for rule in app.url_map.iter_rules() if method in (rule.methods or ()) and rule.endpoint != "static"]
    filled = {re.sub(r"<int:project_id>", "7", rule.rule) for rule in rules}
    return sorted(re.sub(r"<[^>]*>", "1", path) for path in filled)


def test_a_body_that_is_wrong_is_a_clear_4xx_on_every_route_that_reads_one(client: FlaskClient, busy: Services) -> None:
    readers = set()
    for path in paths(client.application, "POST"):
        if path in ("/login", "/logout"):
            continue  # forms
        takes_none = client.post(path, data=b"{}", content_type="application/json").status_code in (200, 202, 409)
        for name, (data, headers, status) in WRONG.items():
            answer = client.post(path, data=data, headers=headers, content_type="application/json")
            if takes_none and answer.status_code != status:
                assert answer.status_code < 500, (name, path, answer.data)
                continue
            assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), (name, path)
            assert answer.get_json()["detail"], (name, path)
            readers.add(path)
    assert {"/predict", "/setup", "/webhook", "/api/v1/projects/7/train", "/api/v1/tokens"} <= readers


KEYS = [
    "tasks",
    "project",
    "label_config",
    "schema",
    "params",
    "context",
    "result",
    "action",
    "id",
    "data",
    "image",
    "value",
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@pytest.mark.slow
def test_whatever_json_comes_to_label_studios_own_routes_is_answered(client: FlaskClient, busy: Services) -> None:
    @hypothesis.seed(SEED)
    @hypothesis.settings(max_examples=3_000 if FULL else 150, deadline=None, database=None)
    @hypothesis.given(
        path=st.sampled_from(["/predict", "/setup", "/webhook"]), body=st.dictionaries(st.sampled_from(KEYS), ANYTHING)
    )
    def answered(path: str, body: dict[str, Any]) -> None:
        answer = client.post(path, data=json.dumps(body), content_type="application/json")
        assert answer.status_code in (200, 202, 400, 422), (path, body, answer.data)

    answered()


def test_a_body_of_another_type_is_never_taken_for_an_empty_one(client: FlaskClient, busy: Services) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/png", ""):
        answer = client.post("/api/v1/projects/7/train", data=b'{"release": "ffff"}', content_type=kind)
        assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_media_type"), kind
    assert busy.store.runs.requests() == []


def test_a_length_that_is_none_is_a_400(client: FlaskClient, busy: Services) -> None:
    for length in ("-1", "-9999999999", "1e3", "٣", "7 7", "0x10"):
        for path in ("/predict", "/setup", "/webhook", "/api/v1/projects/7/train"):
            given = length.encode().decode("latin-1")
            answer = client.post(path, environ_overrides={"CONTENT_LENGTH": given}, content_type="application/json")
            assert (answer.status_code, answer.content_type) == (400, "application/problem+json"), (length, path)
    assert busy.store.runs.requests() == []


BAD_BODIES: list[tuple[str, dict[str, Any], str]] = [
    ("/projects/7/train", {"layuot": True}, "body.layuot"),
    ("/projects/7/train", {"layout": "yes"}, "body.layout"),
    ("/projects/7/train", {"from_scratch": "huge"}, "body.from_scratch"),
    ("/projects/7/train", {"release": "../../etc"}, "body.release"),
    ("/projects/7/promote", {}, "body.version"),
    ("/projects/7/promote", {"version": "../fields-1"}, "body.version"),
    ("/projects/7/promote", {"version": "fields-1\u0000"}, "body.version"),
    ("/projects/7/releases", {"licence": "CC\u0000BY"}, "body.licence"),
    ("/projects/7/exports", {"filters": {"sinse": "2026"}}, "body.filters.sinse"),
    ("/projects/7/exports", {"filters": {"limit": 2**64}}, "body.filters.limit"),
    ("/projects", {"project": 7.5}, "body.project"),
    ("/projects", {"project": True}, "body.project"),
    ("/projects", {"project": 10**30}, "body.project"),
    ("/projects", {"project": 7, "url": "file:///etc/passwd"}, "body.url"),
    ("/tokens", {"name": "a\nb"}, "body.name"),
    ("/tokens", {"name": "a", "role": "root"}, "body.role"),
    ("/tokens", {"name": "a", "days": -1}, "body.days"),
]


def test_what_is_wrong_in_a_body_is_named(client: FlaskClient, busy: Services) -> None:
    for path, body, where in BAD_BODIES:
        answer = client.post(f"/api/v1{path}", data=json.dumps(body), content_type="application/json")
        assert (answer.status_code, answer.get_json()["code"]) == (400, "request_bad"), (path, body)
        assert [fault["where"] for fault in answer.get_json()["faults"]] == [where]
        assert where in answer.get_json()["detail"]


def test_keys_of_a_query_that_are_unknown_or_doubled_are_named_on_every_route(
    client: FlaskClient, busy: Services
) -> None:
    tried = 0
    for path in paths(client.application, "GET"):
        if path.startswith("/api/v1/") and "/docs/" not in path:
            answer = client.get(f"{path}?limmit=3")
            assert (answer.status_code, answer.get_json()["faults"][0]["where"]) == (400, "query.limmit"), path
            assert client.get(f"{path}?limit=1&limit=2").status_code == 400, path
            tried += 1
    assert tried > 15


def test_a_number_in_a_path_that_is_none_of_ours_is_a_404(client: FlaskClient, busy: Services) -> None:
    for path in ("9" * 30, "9" * 5000, "-1", "7%00", "7;x", "..%2f7", "7.0"):
        for address in (f"/api/v1/projects/{path}", f"/api/v1/projects/7/runs/{path}", f"/api/v1/exports/{path}"):
            assert client.get(address).status_code == 404, address
        assert client.delete(f"/api/v1/tokens/{path}").status_code == 404, path
