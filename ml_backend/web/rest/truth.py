"""The ground truth: what people confirmed, as lines and as figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from threading import BoundedSemaphore

from flask import Response, request

from ml_backend.errors import DocloopError
from ml_backend.exports.jsonl import gzipped, lines
from ml_backend.ground_truth import Filters, ground_truth
from ml_backend.ground_truth.known import refuse_unknown
from ml_backend.ground_truth.statistics import Statistics
from ml_backend.services import Services
from ml_backend.status import followed_project
from ml_backend.store.records import ProjectRecord
from ml_backend.web.access import Role
from ml_backend.web.problem import problem
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas import truth as schemas

_EXPORTS = 4  # at once in a process: each holds one of its threads as long as somebody reads it
_PATIENCE = 10  # seconds after which to ask again
STALLED = 60.0  # seconds in which a reader must take the next 64 KB, else it is gone


def truth(services: Services) -> Routes:
    """``/ground-truth`` of a project."""
    group = Routes("ground truth", "What people confirmed and corrected.")
    store, free = services.lazy_store.get, BoundedSemaphore(_EXPORTS)

    @group.add("GET", "/projects/<int:project_id>/ground-truth/export", Role.READ, content="application/x-ndjson")
    def ground_truth_lines(project_id: int, query: schemas.TruthAsked) -> Response:
        """The ground truth as JSON lines.

        A document a line, with its prediction and every correction. Gzipped when `Accept-Encoding` allows it. Four are sent at
        once; who comes then is answered 503 with `Retry-After`.
        """
        project = followed_project(store(), project_id)
        filters = asked_filters(services, project, query.model_dump(exclude_none=True).items())
        return _one_of(free, lambda: _stream(services, project, filters))

    @group.add("GET", "/projects/<int:project_id>/ground-truth/stats", Role.READ)
    def ground_truth_statistics(project_id: int) -> schemas.Statistics:
        """What the corrections say.

        What annotators left untouched, what they corrected and why, how long it took, and what to do next.
        """
        return schemas.Statistics.model_validate(statistics_of(services, project_id).all())

    @group.add("GET", "/projects/<int:project_id>/ground-truth/forecast", Role.READ)
    def ground_truth_forecast(project_id: int) -> schemas.Forecast:
        """What more documents would bring.

        With an 80 % interval, or "not enough evidence"; and which layouts need them most.
        """
        return schemas.Forecast.model_validate(statistics_of(services, project_id).forecast())

    return group


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


def statistics_of(services: Services, project_id: int) -> Statistics:
    """The statistics of a project. Raises DocloopError: it is not followed, or its interface is none of ours."""
    project = followed_project(services.store, project_id)
    specs, threshold = services.interface(project.label_config).specs, services.settings.min_training_samples
    return Statistics(services.store, services.registry, project, specs, threshold)


def asked_filters(services: Services, project: ProjectRecord, pairs: Iterable[tuple[str, str]]) -> Filters:
    """The filters that a request names. Raises DocloopError ``filter_bad``, which quotes what is wrong."""
    try:
        filters = Filters.of(pairs)
        labels = [spec.label for spec in services.interface(project.label_config).specs]
        refuse_unknown(filters, services.store, project.uid, labels)
        return filters
    except ValueError as error:
        raise DocloopError("filter_bad", str(error)) from None
