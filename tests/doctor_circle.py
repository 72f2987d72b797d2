"""A whole circle in memory where all is well: Label Studio, docloop's real web application, its store, a project.

Time is this machine's; whoever sleeps only moves it on.
"""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fake_label_studio import FakeLabelStudio
from fake_label_studio_routes import FakeTransport

from builders import found, interface_xml, png, word
from contracts.store_builders import document
from docloop.doctor.bench import Bench, Patient
from docloop.doctor.catalogue import CHECKS
from docloop.doctor.runner import Report, examine
from ml_backend.connect import BackendAccess, connect
from ml_backend.document.fields import Prediction
from ml_backend.label_studio.label_config import parse_interface
from ml_backend.label_studio.results import to_prediction_body
from ml_backend.ocr.base import OCREngine
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import Services, build_services
from ml_backend.settings import Settings
from ml_backend.store.records import PredictionRecord, ProjectRecord
from ml_backend.web.app import create_app

URL = "http://localhost:9090"
VERSION = "keywords-1.aaaaaaaa"
TOTAL = found("total", "12.50")
PICTURE = f"data:image/png;base64,{base64.b64encode(png('TOTAL 12.50')).decode()}"
READS = FakeEngine([word("TOTAL", 0.1, 0.5, 0.2, 0.52), word("12.50", 0.3, 0.5, 0.4, 0.52)])


class Network(httpx.BaseTransport):
    """Label Studio at label-studio.test, docloop at port 9090 of this machine; nobody else."""

    def __init__(self, there: FakeLabelStudio, services: Services) -> None:
        self.label_studio = FakeTransport(there)
        self.docloop: httpx.BaseTransport | None = httpx.WSGITransport(app=create_app(services))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "label-studio.test":
            return self.label_studio.handle_request(request)
        if request.url.port == 9090 and self.docloop is not None:
            answer = self.docloop.handle_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.read())
        raise httpx.ConnectError("refused", request=request)


@dataclass
class Circle:
    """``project`` is connected and followed, with three tasks, of which each has a prediction that the store knows."""

    there: FakeLabelStudio
    services: Services
    settings: Settings
    network: Network
    project: int = 1
    engine: OCREngine = READS
    given_url: str = ""
    projects: list[int] = field(default_factory=lambda: [1])
    offset: float = 0.0
    titles: list[str] = field(default_factory=list)
    at_the_end: list[Callable[[], object]] = field(default_factory=list)

    @property
    def uid(self) -> str:
        return self.there.client().project(self.project).uid

    @property
    def hook(self) -> dict[str, Any]:
        return self.there.connections.webhooks[1]

    @property
    def backend(self) -> dict[str, Any]:
        return self.there.connections.backends[1]

    def sleep(self, seconds: float) -> None:
        self.offset += seconds

    def change(self, **settings: Any) -> None:
        """Other settings for the doctor; docloop itself keeps its own."""
        self.settings = Settings.model_validate({**self.settings.model_dump(), **settings})

    def examine(self, *names: str, quick: bool = False) -> Report:
        """The checks of these names, with what they build on; all without a name."""
        wanted = {*names, "docloop.data_dir", "docloop.web", "store.answers"}  # which leave something for the others
        for check in reversed(CHECKS):
            if check.name in wanted:
                wanted |= set(check.needs)
        checks = [check for check in CHECKS if not names or check.name in wanted]
        bench = Bench(
            self.settings,
            self.given_url,
            self.network,
            engine=lambda: self.engine,
            clock=lambda: time.time() + self.offset,
            sleep=self.sleep,
            patients=[Patient(number) for number in self.projects],
        )
        return examine(bench, [check for check in checks if check.quick or not quick], self.titles.append)


@contextmanager
def circle(data_dir: Path, empty_store: Path) -> Iterator[Circle]:
    """Everything in order, with a copy of ``empty_store``."""
    data_dir.mkdir(mode=0o700)
    shutil.copy(empty_store, data_dir)
    settings = Settings.model_validate(
        {
            "data_dir": data_dir,
            "label_studio_url": "http://label-studio.test",
            "label_studio_token": "legacy-token-123",
            "password": "test-password",
            "api_token": "test-token",
            "webhook_secret": "test-secret",
        }
    )
    services = build_services(settings, engine=READS)
    there = FakeLabelStudio(now=time.time() - 1)
    network = Network(there, services)
    there.connections.network = network
    made = Circle(there, services, settings, network)
    try:
        _fill(there, services)
        yield made
    finally:
        for undo in made.at_the_end:
            undo()
        services.close()


def _fill(there: FakeLabelStudio, services: Services) -> None:
    number = there.add_project("Receipts", interface_xml("total"), "Uncertainty sampling")
    tasks = there.add_tasks(number, [{"image": PICTURE}] * 3)
    shown = parse_interface(interface_xml("total"), lambda name: "text")
    for task in tasks:
        body = to_prediction_body(Prediction((TOTAL,), ((600, 900),), 0.5, VERSION), shown, task)
        there.predict(task, body["result"], VERSION, task / 10)
    client, secrets = there.client(), services.credentials
    connect(client, number, BackendAccess(URL, secrets.user, secrets.password, secrets.webhook_secret))
    client.set_model_version(number, VERSION)
    uid = client.project(number).uid
    client.close()
    store = services.store
    store.projects.put(ProjectRecord(uid, number, "Receipts", looked_at=time.time()))
    made = store.documents.put_many(uid, [document(task, project_uid=uid) for task in tasks])
    store.predictions.put_many(
        [PredictionRecord(one, VERSION, task / 10, 0.5, (TOTAL,)) for (task, _), one in made.items()]
    )
    store.leases.take("worker-1", "test", time.time(), 3600)
