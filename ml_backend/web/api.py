"""docloop's own REST API, version 1: how it stands with a project, what to annotate next, train now, the ground truth."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import chain

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from ml_backend.exports.jsonl import gzipped, lines
from ml_backend.ground_truth import Filters, ground_truth
from ml_backend.ground_truth.statistics import Statistics
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

    @routes.get("/projects/<int:project_id>/ground-truth/export")
    def export(project_id: int) -> Response:
        project = followed_project(services.store, project_id)
        try:
            filters = Filters.of(request.args.items(multi=True))
        except ValueError as error:
            raise BadRequest(str(error)) from None
        key = services.interface(project.label_config).data_key
        blocks = lines(ground_truth(services.store, project.uid, key, filters))
        zipped = request.accept_encodings["gzip"] > 0
        blocks = gzipped(blocks) if zipped else blocks
        first = next(blocks)  # what the store refuses is an answer of its own, not a broken file
        answer = Response(chain([first], blocks), content_type="application/x-ndjson")
        answer.headers["Vary"] = "Accept-Encoding"
        if zipped:
            answer.headers["Content-Encoding"] = "gzip"
        return answer

    @routes.get("/projects/<int:project_id>/ground-truth/stats")
    def stats(project_id: int) -> Response:
        project = followed_project(services.store, project_id)
        specs, threshold = services.interface(project.label_config).specs, services.settings.min_training_samples
        return jsonify(Statistics(services.store, services.registry, project, specs, threshold).all())

    @routes.post("/projects/<int:project_id>/train")
    def train(project_id: int) -> tuple[Response, int]:
        followed_project(services.store, project_id)
        services.store.runs.request(project_id, "REST", now())  # durable when this returns
        services.hints.leave(project_id)
        return jsonify(status="kept", project=project_id), 202

    return routes
