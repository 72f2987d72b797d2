"""The web application: made by ``create_app`` from its parts, nothing configured at import."""

from __future__ import annotations

import logging

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import HTTPException

from ml_backend.errors import DocloopError, StoreError
from ml_backend.services import Services
from ml_backend.web.api import api
from ml_backend.web.auth import guard
from ml_backend.web.ml_api import ml_api
from ml_backend.web.problem import problem
from ml_backend.web.webhook import webhook_api

log = logging.getLogger(__name__)

_BODY_BYTES = 32 * 1024 * 1024


def create_app(services: Services) -> Flask:
    """One application over one set of services. Two may live in one process."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _BODY_BYTES
    guard(app, services.credentials)
    app.register_blueprint(ml_api(services))
    app.register_blueprint(webhook_api(services))
    app.register_blueprint(api(services))
    app.add_url_rule("/metrics", view_func=_metrics)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DocloopError, _our_error)
    app.register_error_handler(Exception, _fault)
    return app


def _metrics() -> Response:
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _http_error(error: HTTPException) -> Response:
    return problem(error.code or 500, error.name.lower().replace(" ", "_"), error.description or error.name)


def _our_error(error: DocloopError) -> Response:
    if isinstance(error, StoreError):
        log.error("the store: %s", error)
        return problem(503, error.code, str(error))
    return problem(404 if error.code == "project_unknown" else 422, error.code, str(error))


def _fault(error: Exception) -> Response:
    log.error("a fault in docloop", exc_info=error)
    return problem(500, "internal_error", "docloop broke on this request; its log says where.")
