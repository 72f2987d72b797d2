"""P13: what is deleted in Label Studio leaves no trace in docloop, within one look of our learning of it."""

from __future__ import annotations

import base64
import io
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fake_label_studio import FakeLabelStudio, Fault
from fake_label_studio_routes import ROUTES
from loop_parts import CONFIG, INTERFACE, FakeAccess, InlineSupervisor, Loop
from made_receipts import SPECS, made_receipt
from PIL import Image
from traces import COLOUR, Canary

from ml_backend.document.elements import Document, Word
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.geometry import Box
from ml_backend.document.samples import Sample
from ml_backend.errors import EngineFailed
from ml_backend.exporting import Exporting
from ml_backend.ground_truth import Filters
from ml_backend.jobs.queue import JobQueue
from ml_backend.label_studio.results import to_results
from ml_backend.label_studio.tasks import Task
from ml_backend.models.combined import Combined
from ml_backend.ocr.fake import FakeEngine
from ml_backend.services import BACKUPS, Services, build_services, checkpoints, export_index, page_files, store_url
from ml_backend.settings import Settings
from ml_backend.status import tainted_versions
from ml_backend.store.opening import connect
from ml_backend.store.records import ProjectRecord
from ml_backend.store.upgrades import keep_before_upgrade
from training.look import look
from training.pauses import Pauses
from training.ranking import observer, thresholds
from training.reconcile import Reconcile
from training.worker import Worker

pytestmark = pytest.mark.slow

CANARY = 3  # the number of the receipt
WORD, NAME = "KANARIENVOGEL", "Kanarienvogel-0815.png"
DOCUMENTS, CONFIRMED = 16, 13


def receipt(number: int) -> Sample:
    """A made-up one; the canary says its name instead of the company's, and again in a line of no field."""
    made = made_receipt(number)
    if number != CANARY:
        return made
    page = made.document.pages[0]
    (company,) = [field for field in made.fields if field.label == "company"]
    marked = {company.words[0], 0, 1}
    words = tuple(_renamed(word) if at in marked else word for at, word in enumerate(page.words))
    page = replace(page, words=words)
    fields = [
        replace(field, text=page.text_of(field.words)) if field.label == "company" else field for field in made.fields
    ]
    return replace(made, document=Document((page,)), fields=tuple(fields))


def _renamed(word: Word) -> Word:
    return replace(word, text=WORD)


def picture(number: int) -> Image.Image:
    """A page whose first pixel is its number; the canary's has a block of its colour."""
    image = Image.new("RGB", (600, 900), "white")
    image.putpixel((0, 0), (number, 0, 0))
    if number == CANARY:
        image.paste(COLOUR, (200, 300, 400, 600))
    return image


def task_data(number: int) -> dict[str, str]:
    file = io.BytesIO()
    picture(number).save(file, "PNG")
    name = NAME if number == CANARY else f"receipt-{number}.png"
    return {"image": "data:image/png;base64," + base64.b64encode(file.getvalue()).decode(), "filename": name}


def read(image: Image.Image) -> tuple[Word, ...]:
    pixel = image.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return receipt(int(pixel[0])).document.pages[0].words


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_backend.label_studio.client.AGAIN", 0.0)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    built = build_services(settings, FakeEngine(answer=read), observe=observer(thresholds(settings)))
    yield built
    built.close()


@dataclass
class Scene:
    """A project in Label Studio whose canary has been through everything."""

    loop: Loop
    canary: Canary
    out: Path

    @property
    def data_dir(self) -> Path:
        return self.loop.services.settings.data_dir

    def hits(self) -> list[str]:
        return self.canary.traces(self.data_dir)

    def look(self) -> None:
        """One look with a sweep."""
        look(self.loop.services, self.loop.project, Pauses(lambda: 0.0), sweep=True)


@pytest.fixture
def scene(services: Services, queue: JobQueue, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Scene:
    caplog.set_level(logging.DEBUG)
    there = FakeLabelStudio()
    services.access = FakeAccess(there)  # type: ignore[assignment]
    worker = Worker(services, queue, InlineSupervisor(services.store))  # type: ignore[arg-type]
    project = there.add_project("Receipts", CONFIG, "Uncertainty sampling")
    data = [task_data(number) for number in range(DOCUMENTS)]
    there.add_tasks(project, data)
    papers = {one["image"]: receipt(number) for number, one in enumerate(data)}
    loop = Loop(there, services, worker, queue, project, [0.0], papers.__getitem__)
    scene = Scene(loop, Canary((WORD, NAME)), tmp_path / "given-out")
    loop.turn()  # predicted
    served = sorted(there.tasks)
    for task in served[:CONFIRMED]:  # the canary among them
        confirm(loop, task)
    there.pass_time(120.0)
    loop.turn()  # samples
    services.store.runs.request(project, "ann", time.time())
    loop.turn()  # a version
    (run,) = services.store.runs.latest(loop.uid, 1)
    assert run.state == "succeeded", run.reason
    services.registry.activate(loop.uid, run.version)
    loop.turn()  # predicted by it
    services.store.releases.freeze(loop.record, SPECS, time.time())
    files = page_files(services.settings)
    exporting = Exporting(
        services.store, loop.record, INTERFACE, files, services.loader.pages, export_index(services.settings)
    )
    exporting.run("jsonl", scene.out / "truth.jsonl", Filters())
    database = connect(store_url(services.settings))
    keep_before_upgrade(database, "0001", scene.data_dir / BACKUPS)  # as if docloop had been upgraded just now
    database.engine.dispose()
    scene.canary.remember(scene.data_dir / "docloop.sqlite3")
    return scene


def confirm(loop: Loop, task: int) -> None:
    """Submit the truth of a task."""
    truth = loop.paper(loop.there.tasks[task].data["image"]).fields
    result = to_results(Prediction(truth, ((600, 900),), 1.0, ""), INTERFACE, task)
    loop.there.annotate(task, result, lead_time=7.5, prediction=loop.shown(task))


def canary_task(loop: Loop) -> int:
    (task,) = [number for number, one in loop.there.tasks.items() if one.data["filename"] == NAME]
    return task


def test_a_deleted_task_leaves_no_trace(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    loop, services = scene.loop, scene.loop.services
    before = scene.hits()
    for place in ("cache/ocr/", "pages/", "models/", "docloop.sqlite3: samples", "docloop.sqlite3: frozen_samples"):
        assert any(hit.startswith(place) for hit in before), f"the canary never was in {place}: {before}"
    (kept,) = export_index(services.settings).all()
    assert list((scene.data_dir / BACKUPS).iterdir())
    versions = services.registry.versions(loop.uid)

    deleted = Task(canary_task(loop), loop.there.tasks[canary_task(loop)].data)
    loop.there.delete_tasks([deleted.id])
    scene.look()

    assert not (scene.data_dir / BACKUPS).exists()
    assert scene.hits() == []
    loop.turn()
    assert scene.hits() == [], "nothing that runs on its own brings it back"
    logged = [record.getMessage() for phase in ("setup", "call") for record in caplog.get_records(phase)]
    assert len(logged) > 20
    assert not scene.canary.found("\n".join(logged).encode(), depth=0)
    assert [one.deleted for one in export_index(services.settings).all()] == [1]
    assert scene.canary.traces(scene.out), "what was given out is out of reach"
    assert [one.version for one in services.registry.versions(loop.uid)] == [one.version for one in versions]
    for one in versions:
        services.registry.get(loop.uid, one.version)  # whole: hashes fit
    assert tainted_versions(services.store, services.registry, loop.uid).keys() == {one.version for one in versions}
    assert kept.deleted == 0
    remembered = services.champions.of(loop.uid)
    assert isinstance(remembered, Combined)
    assert not scene.canary.found(repr(remembered.members["memory"].papers).encode())  # type: ignore[attr-defined]
    engine = services.pool.engine
    assert isinstance(engine, FakeEngine)
    calls = engine.calls
    services.batches.predict_all([deleted], INTERFACE, loop.uid)
    assert engine.calls == calls + 1, "neither its prediction nor its words were remembered"


def test_a_document_that_was_only_predicted_leaves_no_trace_either(services: Services, queue: JobQueue) -> None:
    loop, canary = predicted(services, queue)
    before = canary.traces(services.settings.data_dir)
    assert {hit.partition("/")[0] for hit in before} >= {"cache", "docloop.sqlite3: predictions"}, before
    canary.remember(services.settings.data_dir / "docloop.sqlite3")
    loop.there.delete_tasks([canary_task(loop)])
    look(services, loop.project, Pauses(lambda: 0.0), sweep=True)
    assert canary.traces(services.settings.data_dir) == []
    assert len(list((services.settings.data_dir / "cache" / "ocr").rglob("*.json"))) == 3, (
        "the pages of the other documents stay"
    )


def test_a_layout_model_that_is_being_trained_begins_anew_without_the_document(
    services: Services, queue: JobQueue
) -> None:
    loop, canary = predicted(services, queue)
    store, uid = services.store, loop.uid
    asked = store.runs.begin(uid, loop.project, "ann", "", 4, 1.0)
    assert asked is not None
    run = store.runs.claim(asked.id, 2.0)
    assert run is not None
    work = checkpoints(services.settings) / f"{uid}-{run.number}"
    work.mkdir(parents=True)
    (work / "samples.jsonl").write_text(WORD)
    tasks, documents = sorted(loop.there.tasks), store.documents.ids(uid)
    for task in tasks[2:]:
        confirm(replace(loop, paper=lambda image: receipt(CANARY)), task)
    loop.there.pass_time(120.0)
    loop.worker.look(loop.project)
    release = store.releases.freeze(loop.record, SPECS, 1.5)
    assert store.runs.learns_from(run.id, run.attempt, release.id)
    loop.there.delete_tasks([tasks[0]])
    loop.worker.look(loop.project)
    before = store.runs.get(run.id)
    assert before is not None
    assert not before.cancel, "that one was not confirmed, and not learned from"
    assert set(documents) == set(tasks)
    loop.there.delete_tasks([canary_task(loop)])
    Reconcile(loop.there.client(), store, loop.there.client().project(loop.project), INTERFACE, time.time()).run()
    assert store.releases.forget_gone(2.0), "the look of another project forgets it first"
    loop.worker.look(loop.project)
    now = store.runs.get(run.id)
    assert now is not None
    assert now.cancel, "its process sees that at its next heartbeat, and ends"
    assert [one.requested_by for one in store.runs.requests()] == ["ann"]
    store.runs.finish(run.id, run.attempt, "cancelled", 3.0)
    loop.there.delete_tasks(tasks[2:3])  # which said the same
    loop.worker.look(loop.project)
    assert canary.traces(services.settings.data_dir) == []


def test_what_a_killed_worker_did_not_forget_any_more_goes_with_the_next_look(
    services: Services, queue: JobQueue
) -> None:
    loop, canary = predicted(services, queue)
    loop.worker.look(loop.project)
    store, client = services.store, loop.there.client()
    loop.there.delete_tasks([canary_task(loop)])
    assert Reconcile(client, store, client.project(loop.project), INTERFACE, time.time()).run().documents_gone == 1
    left = canary.traces(services.settings.data_dir)  # killed here
    assert any(hit.startswith("cache/ocr/") for hit in left), left
    loop.there.fault = Fault("500")
    loop.worker.look(loop.project)
    assert loop.record.fault, "whether Label Studio answers or not"
    assert canary.traces(services.settings.data_dir) == []


def test_what_was_being_read_while_it_was_deleted_goes_a_minute_later(services: Services, queue: JobQueue) -> None:
    loop, canary = predicted(services, queue)
    deleted = Task(canary_task(loop), loop.there.tasks[canary_task(loop)].data)
    loop.there.delete_tasks([deleted.id])
    look(services, loop.project, Pauses(lambda: 0.0))
    services.predictor.read_task(deleted, INTERFACE, loop.uid)  # which was on its way all the time
    killed = services.settings.data_dir / "pages" / "ab" / ".part-x1"  # as was who kept its pages
    killed.mkdir(parents=True)
    (killed / "0").write_text(WORD)
    assert canary.traces(services.settings.data_dir)
    look(services, loop.project, Pauses(lambda: 0.0), now=lambda: time.time() + 60)
    assert canary.traces(services.settings.data_dir) == []


def test_what_a_training_of_the_only_project_left_behind_goes_without_any_look(
    services: Services, queue: JobQueue
) -> None:
    loop, canary = predicted(services, queue)
    uid, store = loop.uid, services.store
    run = store.runs.begin(uid, loop.project, "ann", "", 4, 1.0)
    assert run is not None
    loop.there.delete_project(loop.project)
    store.projects.remove(uid)
    for folder in ("models", "training"):  # the process goes on until its next heartbeat; then all are killed
        place = services.settings.data_dir / folder / (uid if folder == "models" else f"{uid}-{run.number}")
        place.mkdir(parents=True)
        (place / "made-of-it.json").write_text(WORD)
    Worker(services, queue, InlineSupervisor(store)).tick()  # type: ignore[arg-type]
    assert canary.traces(services.settings.data_dir) == []
    place.mkdir(parents=True)
    (place / "made-of-it.json").write_text(WORD)
    loop.worker.look(loop.project)  # for which a training leaves a hint when it ends
    assert canary.traces(services.settings.data_dir) == []


def test_a_box_that_was_drawn_is_forgotten_with_its_page(services: Services, queue: JobQueue) -> None:
    """What stands in it is read on its own, and cached, where no word of the page lies inside."""
    loop, _ = predicted(services, queue)
    task = Task(canary_task(loop), loop.there.tasks[canary_task(loop)].data)
    drawn = Field("company", "", Box(0.9, 0.97, 1.0, 1.0))
    with suppress(EngineFailed):
        services.predictor.read_region(task, INTERFACE, drawn, loop.uid)
    cached = services.settings.data_dir / "cache" / "ocr"
    assert len(list(cached.rglob("*.json"))) == 5
    loop.there.delete_tasks([task.id])
    look(services, loop.project, Pauses(lambda: 0.0), sweep=True)
    assert len(list(cached.rglob("*.json"))) == 3


def test_a_deleted_project_leaves_no_trace(services: Services, queue: JobQueue) -> None:
    loop, canary = predicted(services, queue)
    data_dir, uid = services.settings.data_dir, loop.uid
    for folder in (data_dir / "models" / uid, data_dir / "readers" / uid, data_dir / "training" / f"{uid}-7"):
        folder.mkdir(parents=True)
        (folder / "made-of-it.json").write_text(f'["{WORD}"]')
    other = loop.there.add_project("Invoices", CONFIG)
    services.store.runs.request(loop.project, "ann", 1.0)
    loop.there.delete_project(loop.project)
    loop.worker.look(loop.project)
    assert canary.traces(data_dir) == []
    assert (services.store.projects.all(), services.store.runs.requests()) == ([], [])
    assert not [path for path in data_dir.rglob("*") if uid in path.name]
    assert other in loop.there.projects


@pytest.mark.parametrize("seen", ["a proxy's 404", "another token", "a list that is cut", "an empty database"])
def test_only_label_studio_itself_can_say_that_a_project_is_gone(
    services: Services, queue: JobQueue, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, canary = predicted(services, queue)
    if seen == "a proxy's 404":
        loop.there.fault = Fault("404")
    else:
        loop.there.delete_project(loop.project)
    if seen == "another token":
        services.store.projects.update(loop.uid, seen_as="who had the token before")
    if seen == "a list that is cut":
        monkeypatch.setattr("fake_label_studio_routes.ROUTES", _with(lambda *_: {"count": 31, "results": []}))
    loop.worker.look(loop.project)
    (kept,) = services.store.projects.all()
    unsure = seen in ("a proxy's 404", "a list that is cut")  # the next look may hear more
    assert ("docloop forget" in kept.fault, kept.followed) == (not unsure, unsure)
    assert services.store.documents.count(kept.uid) == 4
    assert canary.traces(services.settings.data_dir)


def test_a_database_without_any_project_that_is_known_is_another_one(services: Services, queue: JobQueue) -> None:
    loop, canary = predicted(services, queue)
    there, store, uid = loop.there, services.store, loop.uid
    other = ProjectRecord("9.1795000000", 9, "Invoices", seen_as=loop.record.seen_as)
    store.projects.put(other)
    there.delete_project(loop.project)
    there.pass_time(120.0)
    assert there.add_project("Demo", CONFIG) == loop.project, "which has its number"
    loop.worker.look(loop.project)
    (kept, _) = store.projects.all()
    assert (kept.uid, store.documents.count(uid)) == (uid, 4)
    assert "none of the other projects that it knows is there" in kept.fault
    assert canary.traces(services.settings.data_dir)
    store.projects.remove(other.uid)
    look(services, loop.project, Pauses(lambda: 0.0))
    assert canary.traces(services.settings.data_dir) == [], "nothing speaks against it"


def _with(listing: Any) -> list[Any]:
    """The routes, with another list of projects."""
    return [
        (method, path, listing if (method, path) == ("GET", r"/api/projects/") else route)
        for method, path, route in ROUTES
    ]


def predicted(services: Services, queue: JobQueue) -> tuple[Loop, Canary]:
    """A project of four documents, the canary among them, that were predicted."""
    there = FakeLabelStudio()
    services.access = FakeAccess(there)  # type: ignore[assignment]
    worker = Worker(services, queue, InlineSupervisor(services.store))  # type: ignore[arg-type]
    project = there.add_project("Receipts", CONFIG, "Uncertainty sampling")
    there.add_tasks(project, [task_data(number) for number in range(4)])
    loop = Loop(there, services, worker, queue, project, [0.0])
    loop.turn()
    return loop, Canary((WORD, NAME))
