"""The loop over a Label Studio in memory and made-up receipts: everything real but the network, the pictures and the OCR."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fake_label_studio import FakeLabelStudio
from made_receipts import SPECS, made_receipt
from PIL import Image

from ml_backend.batches import BatchPredictor
from ml_backend.document.elements import Page
from ml_backend.document.fields import Field, Prediction
from ml_backend.document.samples import Sample
from ml_backend.images.pages import PageImage
from ml_backend.jobs.queue import JobQueue
from ml_backend.label_studio.client import LabelStudio
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.results import from_prediction_body, to_results
from ml_backend.predictor import Predictor
from ml_backend.services import Services, read_interface
from ml_backend.store.records import ProjectRecord, RunRecord
from ml_backend.store.store import Store
from training.ranking import observer, thresholds
from training.worker import Worker

CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    + "".join(
        f'<Label value="{spec.label}" field_type="{spec.type}" required="{str(spec.required).lower()}"/>'
        for spec in SPECS
    )
    + '</RectangleLabels><TextArea name="transcription" toName="image" perRegion="true"/></View>'
)
INTERFACE: Interface = read_interface(CONFIG)


class FakeAccess:
    """Instead of a token and an address: the client of the Label Studio in memory."""

    def __init__(self, there: FakeLabelStudio) -> None:
        self._client = there.client()

    def client(self) -> LabelStudio:
        return self._client

    def close(self) -> None:
        self._client.close()


class InlineSupervisor:
    """Runs a training in this process; the real one, with a process of its own, has tests of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def supervise(
        self, run: RunRecord, target: Callable[..., None], arguments: Mapping[str, Any], reserve: bool = False
    ) -> bool:
        target(self._store, run, lambda stage, share: None, **arguments)
        return True


def numbered(image: str) -> Sample:
    """The receipt of a task: its "image" is the number of a made-up one."""
    return made_receipt(int(image))


def made_predictor(services: Services, paper: Callable[[str], Sample] = numbered) -> Predictor:
    """Reads the task's "image" as ``paper`` says."""

    def load(data: bytes) -> Generator[PageImage, None, None]:
        yield PageImage(Image.new("RGB", (1, 1)), digest=data.decode())

    def read(image: PageImage, project: str) -> Page:
        return paper(image.digest).document.pages[0]

    return Predictor(
        fetch=lambda url, task: url.encode(),
        load=load,
        read=read,
        champion=services.predictor.champion,
        remembers=services.predictor.remembers,
        reader=services.predictor.reader,
        observe=observer(thresholds(services.settings)),
    )


@dataclass
class Loop:
    """A project in Label Studio, docloop's worker beside it, and an annotator who knows the truth."""

    there: FakeLabelStudio
    services: Services
    worker: Worker
    queue: JobQueue
    project: int
    seconds: list[float]
    paper: Callable[[str], Sample] = numbered

    @classmethod
    def of(
        cls,
        services: Services,
        queue: JobQueue,
        documents: int | Sequence[str],
        paper: Callable[[str], Sample] = numbered,
    ) -> Loop:
        """``documents`` are their number, or the "image" of each."""
        there = FakeLabelStudio()
        services.access = FakeAccess(there)  # type: ignore[assignment]
        services.batches.close()
        services.batches = BatchPredictor(made_predictor(services, paper), workers=2)
        seconds = [0.0]  # what the worker's clock says
        supervisor = InlineSupervisor(services.store)
        worker = Worker(services, queue, supervisor, clock=lambda: seconds[0])  # type: ignore[arg-type]
        project = there.add_project("Receipts", CONFIG, "Uncertainty sampling")
        there.add_tasks(
            project, [{"image": str(one)} for one in (range(documents) if isinstance(documents, int) else documents)]
        )
        return cls(there, services, worker, queue, project, seconds, paper)

    @property
    def uid(self) -> str:
        return self.record.uid

    @property
    def record(self) -> ProjectRecord:
        found = self.services.store.projects.by_number(self.project)
        assert found is not None
        return found

    def tick(self) -> None:
        """What the worker does in a second: it sees what there is to do, and does the jobs that this puts into the queue."""
        self.worker.tick()
        while self.queue.waiting():
            stop = threading.Event()
            jobs = {"look": self.worker.look, "push": self.worker.push, "train": self.worker.train}
            self.queue.run({kind: self._and_stop(job, stop) for kind, job in jobs.items()}, 1, stop)

    def _and_stop(self, job: Callable[[int], None], stop: threading.Event) -> Callable[[int], None]:
        def done(identity: int) -> None:
            job(identity)
            if not self.queue.waiting():
                stop.set()

        return done

    def turn(self) -> None:
        """One look, and what it leads to."""
        self.worker.look(self.project)
        for run in self.services.store.runs.requested():
            self.worker.train(run.id)
        self.worker.push(self.project)

    def annotate(self, count: int, wrong: Callable[[Field], Field] = lambda field: field, by: int = 1) -> list[int]:
        """Submit the truth (through ``wrong``) for so many tasks, in the order in which Label Studio serves them."""
        tasks = []
        for _ in range(count):
            task = self.there.next_task(self.project)
            assert task is not None
            shown = self.shown(task)
            truth = self.paper(self.there.tasks[task].data["image"]).fields
            final = tuple(wrong(field) for field in truth)
            result = to_results(Prediction(final, ((600, 900),), 1.0, ""), INTERFACE, task)
            self.there.annotate(task, result, lead_time=7.5, prediction=shown, completed_by=by)
            tasks.append(task)
        self.there.pass_time(120.0)
        return tasks

    def shown(self, task: int) -> int | None:
        """The prediction of a task that Label Studio serves."""
        served = self.there.projects[self.project].model_version
        return next(
            (p.id for p in self.there.predictions.values() if p.task == task and p.model_version == served), None
        )

    def open_versions(self) -> set[str]:
        """The newest version of every task without an annotation."""
        done = {one.task for one in self.there.annotations.values()}
        newest = {p.task: p.model_version for p in self.there.predictions.values() if p.task not in done}
        return set(newest.values())

    @property
    def record_version(self) -> str:
        """The model version that Label Studio serves."""
        return self.there.projects[self.project].model_version

    def f1_of(self, task: int) -> tuple[Field, ...]:
        prediction = self.there.predictions[self.shown(task) or 0]
        return from_prediction_body({"result": prediction.result}).fields
