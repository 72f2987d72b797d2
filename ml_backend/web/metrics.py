"""``/metrics`` for Prometheus: what this process counted, and how the installation stands, read from the store.

Numbers and stable codes only: no title, no label of a project, no text. How projects stand is counted at most once a minute, in a
thread of its own, since it takes seconds where there are 100,000 documents; a scrape is answered at once, with the last numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ml_backend.counters import REQUEST_SECONDS, REQUESTS
from ml_backend.services import Services
from ml_backend.store.records import ProjectRecord
from ml_backend.system_status import Part, SystemStatus
from ml_backend.web.access import Role, needs

_PARTS = ("label_studio", "store", "queue", "storage")
_COUNTED_EVERY = 60.0  # seconds
_NEWEST_VERSIONS = 5  # whose acceptance is told: each is a time series that Prometheus keeps


def count_requests(app: Flask) -> None:
    """Count every request of ``app`` by the rule of its route, and how long it took."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(answer: Response) -> Response:
        rule = request.url_rule
        route = rule.rule if rule is not None else "none"
        method = request.method if request.method in _METHODS else "other"
        REQUESTS.labels(method, route, str(answer.status_code)).inc()
        if (began := g.get("began")) is not None:
            REQUEST_SECONDS.labels(route).observe(time.perf_counter() - began)
        return answer


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def metrics(*collectors: Collector) -> Blueprint:
    """The route ``/metrics``: what the process counted, then what ``collectors`` find at that moment."""
    routes = Blueprint("metrics", __name__)
    found = CollectorRegistry()
    for collector in collectors:
        found.register(collector)

    @routes.get("/metrics")
    @needs(Role.READ)
    def scrape() -> Response:
        return Response(generate_latest(REGISTRY) + generate_latest(found), content_type=CONTENT_TYPE_LATEST)

    return routes


class Installation(Collector):
    """How everything stands. All web processes say the same of it: in PromQL take ``max`` over them."""

    def __init__(self, services: Services, system: SystemStatus, clock: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._system = system
        self._clock = clock
        self._projects = Part(self._count, clock)
        self._counted_at = float("-inf")

    def describe(self) -> list[Any]:
        """Nothing is looked at when the collector is registered."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        state = self._system.look()
        yield _gauge("docloop_ready", "Whether everything that docloop needs is there.", [((), state["ready"])])
        parts = [((name,), state[name]["ok"]) for name in _PARTS]
        yield _gauge("docloop_part_ok", "Whether a part that docloop needs is there.", parts, ["part"])
        depth = state["queue"].get("depth", 0)
        yield _gauge("docloop_queue_depth", "Jobs that wait.", [((), depth)])
        free = state["storage"].get("free_bytes", 0)
        yield _gauge("docloop_storage_free_bytes", "Free space in the data folder of this process.", [((), free)])
        alive = sum(worker["alive"] for worker in state["workers"])
        yield _gauge("docloop_workers", "Workers that are alive.", [((), alive)])
        ages = [((worker["name"],), worker["heartbeat_age"]) for worker in state["workers"]]
        yield _gauge("docloop_worker_heartbeat_age_seconds", "Since a worker was heard of.", ages, ["worker"])
        yield from self._of_projects()

    def _of_projects(self) -> Iterator[GaugeMetricFamily]:
        if self._clock() - self._counted_at >= _COUNTED_EVERY:
            self._counted_at = self._clock()
            self._projects.ask()
        rows: Mapping[str, Any] = self._projects.answer(1.0).get("rows", {})
        for name, (said, labels) in _OF_PROJECTS.items():
            yield _gauge(name, said, rows.get(name, []), ["project", *labels])

    def _count(self) -> Mapping[str, Any]:
        rows: dict[str, list[tuple[tuple[str, ...], float]]] = {name: [] for name in _OF_PROJECTS}
        for project in self._services.store.projects.all():
            for name, label, value in self._of_project(project):
                rows[name].append(((str(project.project_id), *label), value))
        return {"ok": True, "rows": rows}

    def _of_project(self, project: ProjectRecord) -> Iterator[tuple[str, tuple[str, ...], float]]:
        store, uid = self._services.store, project.uid
        yield "docloop_documents", (), store.documents.count(uid)
        yield "docloop_samples", (), store.samples.count(uid)
        yield "docloop_project_fault", (), float(bool(project.fault))
        for state, number in store.runs.states(uid).items():
            yield "docloop_runs", (state,), number
        run = store.runs.open_run(uid)
        yield "docloop_run_progress", (), run.progress if run is not None and run.state == "running" else 0
        for use in store.statistics.uses(uid)[-_NEWEST_VERSIONS:]:
            yield "docloop_fields_shown", (use.model_version,), use.fields
            yield "docloop_acceptance", (use.model_version,), use.acceptance


_OF_PROJECTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "docloop_documents": ("Documents of the project.", ()),
    "docloop_samples": ("Confirmed documents, ready to train on.", ()),
    "docloop_project_fault": ("Whether the project waits for something that failed.", ()),
    "docloop_runs": ("Training runs by state.", ("state",)),
    "docloop_run_progress": ("How far the running training is, 0 to 1.", ()),
    "docloop_fields_shown": ("Predicted fields that annotators were shown.", ("version",)),
    "docloop_acceptance": ("Share of the shown fields that were left untouched.", ("version",)),
}


def _gauge(
    name: str, said: str, rows: Sequence[tuple[tuple[str, ...], float]], labels: list[str] | None = None
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, said, labels=labels or [])
    for values, number in rows:
        family.add_metric(values, float(number))
    return family
