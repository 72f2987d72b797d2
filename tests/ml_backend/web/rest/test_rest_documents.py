"""The OpenAPI document says all there is: every route, who may, models with examples; and a page shows it without a CDN."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from ml_backend.services import Services
from ml_backend.system_status import SystemStatus
from ml_backend.web.access import Role, role_of
from ml_backend.web.rest.groups import groups


def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/openapi.json").get_json()
    return found


def test_every_route_is_in_the_document_with_its_role_words_and_answers(app: Flask, client: FlaskClient) -> None:
    said = document(client)
    assert said["openapi"].startswith("3.1")
    names = []
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/api/v1/") or rule.rule == "/api/v1/docs/<name>":
            continue
        operations = said["paths"][re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)]
        for method in rule.methods - {"HEAD", "OPTIONS"}:  # type: ignore[operator]
            operation = operations[method.lower()]
            role = role_of(app, rule.endpoint)
            assert operation["security"][0] == {"token": [role.word]}
            assert f"Needs the role `{role.word}`." in operation["description"]
            assert len(operation["summary"]) > 8
            assert {"400", "401", "403", "404", "default"} < set(operation["responses"])
            names.append(operation["operationId"])
    assert len(names) == len(set(names)) > 30


def test_looking_needs_read_and_what_decides_needs_admin(app: Flask) -> None:
    roles = {rule.endpoint.partition(".")[2]: role_of(app, rule.endpoint) for rule in app.url_map.iter_rules()}
    admin = {"promote_version", "rollback", "connect_project", "make_token", "tokens", "revoke_token", "pause_project"}
    assert {roles[name] for name in admin} == {Role.ADMIN}
    train = {"train", "cancel", "reconcile", "repredict", "make_export", "remove_export", "freeze"}
    assert {roles[name] for name in train} == {Role.TRAIN}
    assert {roles[name] for name in ("system_status", "projects", "runs", "model_versions", "openapi")} == {Role.READ}


def test_every_example_is_one_that_the_model_takes(services: Services) -> None:
    tried = 0
    for group in groups(services, SystemStatus(services)):
        for route in group.routes:
            for model in (route.body, route.answer):
                for example in (model.model_config.get("json_schema_extra") or {}).get("examples", []) if model else []:
                    model.model_validate(example, strict=model is route.body)
                    tried += 1
            for model in (route.body, route.answer):
                assert model is None or "examples" in (model.model_config.get("json_schema_extra") or {}), route.name
    assert tried > 25


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script_of_its_own(client: FlaskClient) -> None:
    page = client.get("/api/v1/docs")
    text = page.get_data(as_text=True)
    assert "default-src 'self'; script-src 'self'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"https?://|<script>|<style| on\w+=", text)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(loaded) >= 4
    for path in loaded:
        answer = client.get(path)
        assert (answer.status_code, len(answer.data) > 20) == (200, True), path
    assert client.get("/api/v1/docs/../../../etc/passwd").status_code == 404
    assert client.get("/api/v1/docs/__init__.py").status_code == 404


def test_the_page_of_routes_is_the_one_that_the_document_makes(client: FlaskClient) -> None:
    docs = Path(__file__).resolve().parents[4] / "docs"
    make = runpy.run_path(str(docs / "make_rest.py"))["page"]
    assert (docs / "rest.md").read_text(encoding="utf-8") == make(document(client)), "run: python docs/make_rest.py"
