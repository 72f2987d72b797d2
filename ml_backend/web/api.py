"""docloop's own REST API, version 1: how it stands with a project, what to annotate next, train now, the ground truth."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import chain
from threading import BoundedSemaphore

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from ml_backend.exports.jsonl import gzipped, lines
from ml_backend.ground_truth import Filters, ground_truth
from ml_backend.ground_truth.statistics import Statistics
from ml_backend.services import Services
from ml_backend.status import followed_project, project_status, recommendations
from ml_backend.store.records import ProjectRecord
from ml_backend.web.problem import problem

_LIMIT, _MOST = 20, 1000  # recommendations in one answer
_NUMBER = re.compile(r"[0-9]{1,4}")
_EXPORTS = 4  # at once in a process: each holds one of its threads as long as somebody reads it
_PATIENCE = 10  # seconds after which to ask again
STALLED = 60.0  # seconds in which a reader must take the next 64 KB, else it is gone


def api(services: Services, now: Callable[[], float] = time.time) -> Blueprint:
    """The routes under ``/api/v1``."""
    routes, free = Blueprint("api", __name__, url_prefix="/api/v1"), BoundedSemaphore(_EXPORTS)

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
        return _one_of(free, lambda: _stream(services, project, filters))

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


def _one_of(free: BoundedSemaphore, make: Callable[[], Response]) -> Response:
    """The answer that ``make`` gives, counted until its last byte is sent or its reader is gone; 503 where there are too many."""
    if not free.acquire(blocking=False):
        answer = problem(503, "exports_busy", f"{_EXPORTS} exports are being read already. Try again in a while.")
        answer.headers["Retry-After"] = str(_PATIENCE)
        return answer
    try:
        answer = make()
    except BaseException:
        free.release()
        raise
    answer.call_on_close(free.release)
    if client := request.environ.get("gunicorn.socket"):
        client.settimeout(STALLED)
    return answer


def _stream(services: Services, project: ProjectRecord, filters: Filters) -> Response:
    """The lines of a project, packed where the client takes that."""
    found = ground_truth(services.store, project.uid, services.interface(project.label_config).data_key, filters)
    zipped = request.accept_encodings["gzip"] > 0
    blocks = gzipped(lines(found)) if zipped else lines(found)
    first = next(blocks)  # what the store refuses is an answer of its own, not a broken file
    answer = Response(chain([first], blocks), content_type="application/x-ndjson")
    answer.headers["Vary"] = "Accept-Encoding"
    if zipped:
        answer.headers["Content-Encoding"] = "gzip"
    return answer
