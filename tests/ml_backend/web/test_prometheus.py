"""``/metrics``: numbers and codes for Prometheus, of the web process and of a worker."""

from __future__ import annotations

import socket
from base64 import b64encode

import httpx
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families as parse

from builders import interface_xml
from ml_backend.credentials import Credentials
from ml_backend.services import Services
from ml_backend.store.records import ProjectRecord
from ml_backend.web.worker_app import create_worker_app, served

UID = "7.1795000000"


def _values(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_their_route_never_by_their_path(client: FlaskClient) -> None:
    asked = ("docloop_http_requests_total", (("method", "GET"), ("route", "none"), ("status", "404")))
    before = _values(client.get("/metrics").text).get(asked, 0)
    assert client.get("/secret-file-name.png").status_code == 404
    after = client.get("/metrics").text
    assert _values(after)[asked] == before + 1
    assert "secret-file-name" not in after


def test_projects_are_told_by_number_with_documents_samples_and_runs(client: FlaskClient, services: Services) -> None:
    services.store.projects.put(ProjectRecord(UID, 7, "A private title", "f", interface_xml("total"), fault="away"))
    services.store.runs.begin(UID, 7, "test", "a test", 5, 1.0)
    text = client.get("/metrics").text
    values = _values(text)
    assert values["docloop_samples", (("project", "7"),)] == 0
    assert values["docloop_project_fault", (("project", "7"),)] == 1
    assert values["docloop_runs", (("project", "7"), ("state", "requested"))] == 1
    assert "private" not in text


def test_a_label_studio_that_is_away_is_a_number_and_no_error(client: FlaskClient, services: Services) -> None:
    assert services.store.projects.all() == []  # opened: the first look may not take a second then
    values = _values(client.get("/metrics").text)
    assert values["docloop_part_ok", (("part", "label_studio"),)] == 0
    assert values["docloop_part_ok", (("part", "store"),)] == 1
    assert values["docloop_ready", ()] == 0


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.slow
def test_a_worker_says_whether_it_is_alive_and_its_numbers_to_who_may_know(alive: bool) -> None:
    credentials = Credentials("docloop", "a-password-of-tests", "a-token-of-the-tests", "a-secret-of-tests")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    basic = b64encode(b"docloop:a-password-of-tests").decode()
    with (
        served(create_worker_app(credentials, lambda: alive), "127.0.0.1", port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as asking,
    ):
        assert asking.get("/health").status_code == (200 if alive else 503)
        assert asking.get("/metrics").status_code == 401
        told = asking.get("/metrics", headers={"Authorization": f"Basic {basic}"})
        assert "docloop_ocr_page_seconds" in told.text
