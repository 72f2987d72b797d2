"""docloop's own REST API, version 1: how it stands with a project, what to annotate next, train now."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from ml_backend.services import Services
from ml_backend.status import followed_project, project_status, recommendations

_LIMIT, _MOST = 20, 1000  # recommendations in one answer
_NUMBER = re.compile(r"[0-9]{1,4}")


def api(services: Services, now: Callable[[], float] = time.time) -> Blueprint:
    """The routes under ``/api/v1``."""
    routes = Blueprint("api", __name__, url_prefix="/api/v1")

    @routes.get("/projects/<int:project_id>")
    def status(project_id: int) -> Response:
        reader = services.readers.mark
        return jsonify(project_status(services.store, services.registry, project_id, now(), reader))

    @routes.get("/projects/<int:project_id>/recommendations")
    def next_documents(project_id: int) -> Response:
        limit = request.args.get("limit", str(_LIMIT))
        if not _NUMBER.fullmatch(limit) or not 1 <= int(limit) <= _MOST:
            raise BadRequest(f"limit must be a number from 1 to {_MOST}, but it was: {limit[:40]!r}.")
        project = followed_project(services.store, project_id)
        version = services.version(project.label_config, project.uid)
        link = f"{services.settings.label_studio_url}/projects/{project_id}/data?task={{task}}"
        found = recommendations(services.store, project_id, version, link, int(limit))
        return jsonify(project=project_id, model_version=version, recommendations=found)

    @routes.post("/projects/<int:project_id>/train")
    def train(project_id: int) -> tuple[Response, int]:
        followed_project(services.store, project_id)
        services.store.runs.request(project_id, "REST", now())  # durable when this returns
        services.hints.leave(project_id)
        return jsonify(status="kept", project=project_id), 202

    return routes
