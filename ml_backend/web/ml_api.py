"""The ML-backend protocol of Label Studio, as the real server speaks it (shared/label_studio.md, part 1)."""

from __future__ import annotations

import re
import threading
from typing import Any

from flask import Blueprint, Response, jsonify

from ml_backend.answers import answer_tasks, no_answers
from ml_backend.errors import ConfigUnsupported
from ml_backend.services import Services
from ml_backend.web.body import json_object, object_list

_STATUS_LINE = 500  # characters of a message in the status line
_UID = re.compile(r"\d{1,20}(\.\d{1,20})?", re.ASCII)
_AT_ONCE = 16  # /predict requests that may wait at the same time; the server's other threads stay free for /health


def ml_api(services: Services) -> Blueprint:
    """The routes ``/ /health /setup /predict /versions``."""
    api = Blueprint("ml", __name__)
    places = threading.BoundedSemaphore(_AT_ONCE)
    named: dict[str, None] = {}  # the versions that /setup has given out, in order

    @api.get("/health")
    def health() -> Response:
        # Label Studio gives this one second and reads nothing but the status.
        return jsonify(status="UP", model_class="docloop")

    @api.get("/")
    def root() -> Response:
        return health()

    @api.post("/setup")
    def setup() -> Response:
        body = json_object()
        schema, project = body.get("schema"), _project_uid(body)
        version = services.champions.version_of(project)
        if isinstance(schema, str) and schema.strip():
            try:
                # The same version as in the predictions: another one makes Label Studio ask and store again at every look.
                version = services.version(schema, project)
            except ConfigUnsupported as error:
                return _refuse_config(error)
        named[version] = None
        return jsonify(model_version=version)

    @api.get("/versions")
    def versions() -> Response:
        return jsonify(versions=list(named) or [services.champions.baseline.version])

    @api.post("/predict")
    def predict() -> Response:
        body = json_object()
        tasks = object_list(body, "tasks")
        params = body.get("params")
        context = params.get("context") if isinstance(params, dict) else None
        if not places.acquire(blocking=False):
            return jsonify(results=no_answers(len(tasks), "busy"))
        try:
            config, project = str(body.get("label_config") or ""), _project_uid(body)
            return jsonify(results=answer_tasks(services, tasks, config, project, context))
        finally:
            places.release()

    return api


def _project_uid(body: dict[str, Any]) -> str:
    """The project as Label Studio names it, ``41.1795165055``: number and creation time. Whatever else is there is no project of
    ours, and goes into no log."""
    said = body.get("project")
    return said if isinstance(said, str) and _UID.fullmatch(said) else ""


def _refuse_config(error: ConfigUnsupported) -> Response:
    """A refusal whose *status line* carries the message: the only part of our answer that Label Studio shows to the admin."""
    answer = jsonify(detail=str(error), code=error.code)
    words = "".join(c if " " <= c <= "~" else "?" for c in " ".join(str(error).split()))
    answer.status = f"422 {words[:_STATUS_LINE]}"
    return answer
