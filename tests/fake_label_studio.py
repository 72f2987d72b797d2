"""An in-memory Label Studio 1.23.2 for tests: what it holds, and what people do to it. Its REST API is fake_label_studio_routes.

It keeps the rules that were measured on the real one (shared/label_studio.md): which changes move a task's ``updated_at``, task
ids that are given out again, invalid predictions that are dropped with a 201, the order of the queue. Time stands still but for a
millisecond a change; ``clock`` moves it. The real client class talks to it: ``fake.client()``.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fake_label_studio_backends import Connections
from fake_label_studio_routes import FakeTransport

from ml_backend.label_studio.client import LabelStudio

Body = dict[str, Any]


@dataclass
class Fault:
    """How requests fail: ``down``, ``404`` (of a proxy), ``500``, ``429`` (with Retry-After), ``401`` (expired) or ``slow``.

    A slow one moves the clock by ``seconds``, and times out beyond the client's limit; what it asked for is done all the same.
    ``said`` are the words of a 500.
    """

    kind: str
    seconds: float = 0.0
    said: str = "Internal Server Error"


@dataclass
class FakeProject:
    id: int
    title: str
    label_config: str
    created_at: float
    model_version: str = ""
    sampling: str = "Sequential sampling"


@dataclass
class FakeTask:
    id: int
    project: int
    data: Body
    created_at: float
    updated_at: float


@dataclass
class FakeAnnotation:
    """``fields`` that the REST API shows under the same names."""

    id: int
    task: int
    result: list[Body]
    created_at: float
    updated_at: float
    was_cancelled: bool = False
    ground_truth: bool = False
    lead_time: float | None = None
    completed_by: int = 1
    parent_prediction: int | None = None
    unique_id: str = ""


@dataclass
class FakePrediction:
    id: int
    task: int
    result: list[Body]
    model_version: str
    score: float | None
    created_at: float


@dataclass
class FakeLabelStudio:
    """``faults`` are spent one a request (None: it goes well); ``fault`` holds for all requests while it is set."""

    now: float = 1_795_000_000.0
    projects: dict[int, FakeProject] = field(default_factory=dict)
    tasks: dict[int, FakeTask] = field(default_factory=dict)
    annotations: dict[int, FakeAnnotation] = field(default_factory=dict)
    predictions: dict[int, FakePrediction] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    users: dict[int, str] = field(default_factory=lambda: {1: "demo@example.com"})
    drafts: dict[int, str] = field(default_factory=dict)  # who has begun a task, by its number
    faults: deque[Fault | None] = field(default_factory=deque)
    fault: Fault | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    connections: Connections = field(default_factory=Connections)
    random: random.Random = field(default_factory=lambda: random.Random(0))
    _late: list[tuple[float, float, Callable[[], object]]] = field(default_factory=list)
    _annotation_ids: int = 0
    _prediction_ids: int = 0

    def client(self, timeout: float = 60.0) -> LabelStudio:
        """docloop's own client, with this in place of the network; the token looks like a legacy one, which needs no refresh."""
        return LabelStudio("http://label-studio.test", "legacy-token-123", timeout, FakeTransport(self))

    # -- time ------------------------------------------------------------------------------------------------------------

    def tick(self) -> float:
        self.now = round(self.now + 0.001, 6)
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 6)
        self.settle()

    def late(self, seconds: float, change: Callable[[], object]) -> None:
        """A change that carries the time of now, but is seen only ``seconds`` later: a transaction that commits late."""
        self._late.append((self.now + seconds, self.tick(), change))

    def settle(self) -> None:
        """Let the late changes be seen whose time has come."""
        due = [one for one in self._late if one[0] <= self.now]
        self._late = [one for one in self._late if one[0] > self.now]
        for _, began, change in due:
            seen, self.now = self.now, began - 0.001
            change()
            self.now = max(seen, self.now)

    # -- projects and tasks ----------------------------------------------------------------------------------------------

    def add_project(self, title: str, label_config: str, sampling: str = "Sequential sampling") -> int:
        number = max(self.projects, default=0) + 1  # given out again after the newest was deleted
        self.projects[number] = FakeProject(number, title, label_config, self.tick(), sampling=sampling)
        return number

    def delete_project(self, project: int) -> None:
        self.delete_all_tasks(project)
        del self.projects[project]
        for held in (self.connections.webhooks, self.connections.backends):
            for number in [number for number, one in held.items() if one["project"] == project]:
                del held[number]

    def add_tasks(self, project: int, data: Sequence[Body]) -> list[int]:
        first = max(self.tasks, default=0) + 1  # given out again after the newest were deleted, as on SQLite
        for number, one in enumerate(data, first):
            at = self.tick()
            self.tasks[number] = FakeTask(number, project, dict(one), at, at)
        return list(range(first, first + len(data)))

    def upload(self, project: int, form: bytes) -> int:
        """A file out of a form, of which the name alone is kept; its number."""
        name = form.partition(b'filename="')[2].partition(b'"')[0].decode()
        self.uploads.append(f"upload/{project}/{len(self.uploads)}-{name}")
        return len(self.uploads)

    def change_data(self, task: int, data: Body) -> None:
        self.tasks[task].data = dict(data)
        self._touch([task])

    def delete_tasks(self, tasks: Iterable[int]) -> None:
        for task in list(tasks):
            del self.tasks[task]
            self.annotations = {number: one for number, one in self.annotations.items() if one.task != task}
            self.predictions = {number: one for number, one in self.predictions.items() if one.task != task}

    def delete_all_tasks(self, project: int) -> None:
        self.delete_tasks(self.tasks_of(project))

    def tasks_of(self, project: int) -> list[int]:
        return sorted(number for number, task in self.tasks.items() if task.project == project)

    # -- annotations -----------------------------------------------------------------------------------------------------

    def annotate(
        self,
        task: int,
        result: Sequence[Body],
        lead_time: float | None = 5.0,
        prediction: int | None = None,
        **more: Any,
    ) -> int:
        """Submit, or skip with ``was_cancelled=True``; as the editor does it when ``lead_time`` is a number."""
        self._annotation_ids += 1
        at = self.tick()
        made = FakeAnnotation(
            self._annotation_ids,
            task,
            list(result),
            at,
            at,
            lead_time=lead_time,
            parent_prediction=prediction,
            **{**more, "ground_truth": False},
        )
        self.annotations[made.id] = made
        if more.get("ground_truth"):
            self._make_ground_truth(made)
        self._touch([task])
        return made.id

    def update(self, annotation: int, **changes: Any) -> None:
        """Save an annotation again. Ground truth is one a task: another loses it, and its own time does not move."""
        one = self.annotations[annotation]
        for name, value in changes.items():
            setattr(one, name, value)
        one.updated_at = self.tick()
        if changes.get("ground_truth"):
            self._make_ground_truth(one)
        self._touch([one.task])

    def delete_annotation(self, annotation: int) -> None:
        """Also what becomes of one that is turned into a draft: no webhook says so."""
        gone = self.annotations.pop(annotation)
        self._touch([gone.task])

    def delete_annotations_of(self, tasks: Sequence[int]) -> None:
        """The bulk action of the Data Manager: one time for all tasks that had any."""
        touched = sorted({one.task for one in self.annotations.values() if one.task in set(tasks)})
        self.annotations = {number: one for number, one in self.annotations.items() if one.task not in set(tasks)}
        self._touch(touched)

    def annotate_from_predictions(self, tasks: Sequence[int]) -> None:
        """The bulk action "Create annotations from predictions": nobody looked at them, ``lead_time`` is null."""
        done = []
        for task in tasks:
            there = [one for one in self.predictions.values() if one.task == task]
            if there:
                self.annotate(task, there[-1].result, lead_time=None, prediction=there[-1].id)
                done.append(task)
        self._touch(done)

    def of_task(self, task: int) -> list[FakeAnnotation]:
        return [one for one in self.annotations.values() if one.task == task]

    def _make_ground_truth(self, one: FakeAnnotation) -> None:
        for other in self.of_task(one.task):
            other.ground_truth = other is one

    def _touch(self, tasks: Sequence[int]) -> None:
        at = self.tick()
        for task in tasks:
            self.tasks[task].updated_at = at

    # -- predictions -----------------------------------------------------------------------------------------------------

    def predict(self, task: int, result: Sequence[Body], version: str = "v1", score: float | None = 0.5) -> int:
        """As a bulk import stores it: the task's time does not move."""
        self._prediction_ids += 1
        made = FakePrediction(self._prediction_ids, task, list(result), version, score, self.tick())
        self.predictions[made.id] = made
        return made.id

    def delete_prediction(self, prediction: int) -> None:
        """One of them, unlike all of a version, moves the task's time."""
        gone = self.predictions.pop(prediction)
        for annotation in self.of_task(gone.task):
            if annotation.parent_prediction == prediction:
                annotation.parent_prediction = None
        self._touch([gone.task])

    def rescore(self, prediction: int, score: float) -> None:
        """What a PATCH of one prediction does; it moves the task's time, too."""
        self.predictions[prediction].score = score
        self._touch([self.predictions[prediction].task])

    def delete_predictions(self, project: int, version: str = "") -> int:
        """All of a version, or all; annotations made from them forget where they came from."""
        mine = set(self.tasks_of(project))
        gone = {n for n, one in self.predictions.items() if one.task in mine and version in ("", one.model_version)}
        self.predictions = {number: one for number, one in self.predictions.items() if number not in gone}
        for annotation in self.annotations.values():
            if annotation.parent_prediction in gone:
                annotation.parent_prediction = None
        if self.projects[project].model_version not in self.versions(project):
            self.projects[project].model_version = ""
        return len(gone)

    def versions(self, project: int) -> dict[str, int]:
        """The model versions of stored predictions, with how many there are."""
        mine = set(self.tasks_of(project))
        found: dict[str, int] = {}
        for one in self.predictions.values():
            if one.task in mine:
                found[one.model_version] = found.get(one.model_version, 0) + 1
        return found

    def next_task(self, project: int, user: int = 1) -> int | None:
        """The task that the label stream serves: the lowest score of the project's model version, then any, then none."""
        done = {one.task for one in self.annotations.values() if not one.was_cancelled or one.completed_by == user}
        open_ones = [task for task in self.tasks_of(project) if task not in done]
        wanted = self.projects[project].model_version
        scores = {
            one.task: one.score if one.score is not None else -1.0  # SQLite orders null first
            for one in self.predictions.values()
            if wanted and one.model_version == wanted and one.task in set(open_ones)
        }
        if self.projects[project].sampling != "Uncertainty sampling":
            return open_ones[0] if open_ones else None
        if scores:
            return min(scores, key=lambda task: (scores[task], task))
        return self.random.choice(open_ones) if open_ones else None
