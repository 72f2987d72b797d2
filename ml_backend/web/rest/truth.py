"""The ground truth: what people confirmed, as lines and as figures."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

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
from ml_backend.web.rest.export_readers import ExportReaders
from ml_backend.web.rest.limits import Places, limited
from ml_backend.web.rest.routes import Routes
from ml_backend.web.schemas import truth as schemas


def truth(services: Services, readers: ExportReaders) -> Routes:
    """``/ground-truth`` of a project."""
    group = Routes("ground truth", "What people confirmed and corrected.")
    store = services.lazy_store.get
    places = Places("statistics_busy", 3)  # each takes seconds where a project has 100,000 documents

    @group.add("GET", "/projects/<int:project_id>/ground-truth/export", Role.READ, content="application/x-ndjson")
    def ground_truth_lines(project_id: int, query: schemas.TruthAsked) -> Response:
        """The ground truth as JSON lines.

        A document a line, with its prediction and every correction. Gzipped when `Accept-Encoding` allows it. Four are sent at
        once; who comes then is answered 503 with `Retry-After`.
        """
        project = followed_project(store(), project_id)
        filters = asked_filters(services, project, query.model_dump(exclude_none=True).items())
        return readers.serve(lambda: _stream(services, project, filters))

    @group.add("GET", "/projects/<int:project_id>/ground-truth/stats", Role.READ)
    @limited(places)
    def ground_truth_statistics(project_id: int) -> schemas.Statistics:
        """What the corrections say.

        What annotators left untouched, what they corrected and why, how long it took, and what to do next.
        """
        return schemas.Statistics.model_validate(statistics_of(services, project_id).all())

    @group.add("GET", "/projects/<int:project_id>/ground-truth/forecast", Role.READ)
    @limited(places)
    def ground_truth_forecast(project_id: int) -> schemas.Forecast:
        """What more documents would bring.

        With an 80 % interval, or "not enough evidence"; and which layouts need them most.
        """
        return schemas.Forecast.model_validate(statistics_of(services, project_id).forecast())

    return group


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
