"""Which HTTP status an error is, and the problem that says it."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from ml_backend.errors import DocloopError, LabelStudioError, SetupError, StorageError, StoreError
from ml_backend.label_studio.refusals import PROJECT_GONE
from ml_backend.web.problem import problem
from ml_backend.web.rest.routes import RequestRefused

log = logging.getLogger(__name__)

_STATUS = {
    "filter_bad": 400,
    "token_bad": 400,
    PROJECT_GONE: 404,
    "image_too_large_bytes": 413,
    "fetch_too_large": 413,
    "fetch_status": 502,
    "fetch_timeout": 502,
    "fetch_unreachable": 502,
    "model_missing": 404,
    "export_not_done": 409,
    "export_running": 409,
    "no_earlier_version": 409,
    "no_run": 409,
    "document_on_its_way": 409,
    "prediction_changed": 409,
    "task_annotated": 409,
    "task_begun": 409,
    "push_running": 409,
    "release_ambiguous": 409,
    "token_exists": 409,
    "parse_busy": 503,
    "parse_late": 503,
    "statistics_busy": 503,
    "status_busy": 503,
    "tasks_busy": 503,
}
_FULL = frozenset(
    {"parse_busy", "parse_late", "statistics_busy", "status_busy", "tasks_busy"}
)  # too much was asked; nothing is broken
_UNKNOWN = "_unknown"  # how the codes end of what there is not
_OURS = 422


def answer_errors(app: Flask) -> None:
    """Answer whatever goes wrong in ``app`` with a problem."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(RequestRefused, _refused)
    app.register_error_handler(DocloopError, _our_error)
    app.register_error_handler(Exception, _fault)


def status_of(error: DocloopError) -> int:
    """The HTTP status of an error: 503 if a part of docloop is away, 502 if Label Studio refuses, 404 for what is not there."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if isinstance(error, StoreError | StorageError | SetupError):
        return 503
    if isinstance(error, LabelStudioError):
        return 502
    return 404 if type(error) is DocloopError and error.code.endswith(_UNKNOWN) else _OURS


def _http_error(error: HTTPException) -> Response:
    answer = problem(error.code or 500, error.name.lower().replace(" ", "_"), error.description or error.name)
    if error.code == 405:  # with what is allowed, as RFC 9110 asks for
        answer.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return answer


def _refused(error: RequestRefused) -> Response:
    return problem(
        400, "request_bad", f"The request is not what {request.path[:200]} takes. {error}", faults=error.faults
    )


def _our_error(error: DocloopError) -> Response:
    status = status_of(error)
    if status == 503 and error.code not in _FULL:
        log.error("a part of docloop is away: %s", error)
    answer = problem(status, error.code, str(error), error.fix)
    if status == 503:
        answer.headers["Retry-After"] = "5"
    return answer


def _fault(error: Exception) -> Response:
    log.error("a fault in docloop", exc_info=error)
    return problem(500, "internal_error", "docloop broke on this request; its log says where.")
