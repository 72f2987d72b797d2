"""Push mode, against a Label Studio in memory that behaves as the real one was measured to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import pytest

from builders import interface, interface_xml, predictor
from ml_backend.batches import BatchPredictor
from ml_backend.errors import DocloopError, FetchRefused, LabelStudioError
from ml_backend.label_studio.client import Project, TaskRow
from ml_backend.label_studio.label_config import Interface
from ml_backend.label_studio.refusals import TASK_GONE
from ml_backend.label_studio.tasks import Task
from training.push import AT_ONCE, Answered, Push, Ready, answered_here

TOTAL = interface("total")
VERSION = predictor().version(TOTAL, "")


class MemoryLabelStudio:
    """One project. ``drops`` are task ids whose predictions it silently leaves out, with a 201."""

    def __init__(self, tasks: Mapping[int, set[str]], model_version: str = "", drops: Sequence[int] = ()) -> None:
        self.versions = dict(tasks)
        self.urls = {task: f"a{task}" for task in tasks}
        self.model_version = model_version
        self.drops = drops
        self.calls: list[tuple[str, object]] = []

    def project(self) -> Project:
        return Project(5, "5.1", "Receipts", interface_xml("total"), self.model_version, len(self.versions))

    def tasks(self, project_id: int, lacking: str = "") -> Iterator[TaskRow]:
        for task, versions in list(self.versions.items()):
            if lacking not in versions:
                yield TaskRow(task, {"image": self.urls[task]})

    def model_versions(self, project_id: int) -> frozenset[str]:
        return frozenset(version for versions in self.versions.values() for version in versions)

    def import_predictions(self, project_id: int, bodies: Sequence[Mapping[str, Any]]) -> int:
        if not {body["task"] for body in bodies} <= self.versions.keys():
            raise LabelStudioError(TASK_GONE, "gone")
        self.calls.append(("import", [body["task"] for body in bodies]))
        kept = [body for body in bodies if body["task"] not in self.drops]
        for body in kept:
            self.versions[body["task"]].add(body["model_version"])
        return len(kept)

    def set_model_version(self, project_id: int, version: str) -> None:
        self.calls.append(("version", version))
        self.model_version = version


@pytest.fixture
def batches() -> Iterator[BatchPredictor]:
    def fetch(url: str, task: int) -> bytes:
        if "bad" in url:
            raise FetchRefused("url_scheme_refused", "no")
        return url.encode()

    made = BatchPredictor(predictor(fetch), workers=2)
    yield made
    made.close()


class Unranked:
    """The calibrated probability itself is the score; all tasks are known, and nothing is remembered."""

    def knows(self, task_id: int) -> bool:
        return True

    def changed(self, batch: Sequence[Ready]) -> Collection[int]:
        return ()

    def answered(self, batch: Sequence[Ready]) -> Collection[int]:
        return ()

    def scores(self, batch: Sequence[Ready]) -> Sequence[float]:
        return [ready.prediction.score for ready in batch]

    def keep(self, batch: Sequence[Ready]) -> None:
        pass


def push(
    there: MemoryLabelStudio,
    batches: BatchPredictor,
    clock: Callable[[], float] = lambda: 0.0,
    interface: Interface = TOTAL,
) -> Push:
    project = there.project()

    def answers(tasks: Sequence[Task], version: str) -> Generator[Answered, None, None]:
        for start in range(0, len(tasks), AT_ONCE):
            yield answered_here(batches, tasks[start : start + AT_ONCE], interface, project.uid)

    version = batches.predictor.version(interface, project.uid)
    label_studio: Any = there  # the twin
    return Push(label_studio, batches, interface, project, version, Unranked(), answers, nullcontext, clock=clock)


def test_only_tasks_without_a_current_prediction_are_pushed_in_one_request(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio({1: set(), 2: {VERSION}, 3: {"old"}}, "old")
    report = push(there, batches).run()
    assert there.calls == [("import", [1, 3]), ("version", VERSION)]
    assert (report.pushed, report.current, report.total, report.failed, report.refused) == (2, 1, 3, {}, 0)


def test_the_first_version_is_set_once(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio({1: set()})
    push(there, batches).run()
    assert there.calls == [("import", [1]), ("version", VERSION)]


def test_pushing_again_does_nothing(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio({1: set()})
    push(there, batches).run()
    there.calls.clear()
    assert push(there, batches).run().done == 1
    assert there.calls == []


def test_another_interface_makes_the_stored_predictions_outdated(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio({1: set()})
    push(there, batches).run()
    there.calls.clear()
    push(there, batches, interface=interface("grand_total")).run()
    assert there.calls[0] == ("import", [1])
    assert there.model_version != VERSION


def test_a_model_version_that_is_the_backends_title_is_set_back(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio({1: {VERSION}}, "docloop")
    push(there, batches).run()
    assert there.calls == [("version", VERSION)]


def test_a_task_that_fails_is_reported_and_the_others_are_pushed(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio({1: set(), 2: set(), 3: set()})
    there.urls[2] = "bad"
    report = push(there, batches).run()
    assert there.calls[0] == ("import", [1, 3])
    assert {task: error.code for task, error in report.failed.items()} == {2: "url_scheme_refused"}


def test_a_task_deleted_meanwhile_does_not_take_the_others_along(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio({1: set(), 2: set(), 3: set()})
    job = push(there, batches)
    rows = list(there.tasks(5))
    del there.versions[2]
    there.tasks = lambda project_id, lacking="": iter(  # type: ignore[method-assign]
        rows if lacking else [row for row in rows if row.id in there.versions]
    )
    report = job.run()
    assert there.calls[0] == ("import", [1, 3])
    assert ({task: error.code for task, error in report.failed.items()}, report.pushed) == ({2: TASK_GONE}, 2)


def test_a_stop_in_the_middle_imports_what_is_ready_and_leaves_the_served_version(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio({number: {"old"} for number in range(1, 101)}, "old")
    job = push(there, batches)
    job.on_progress = lambda report: batches.close()  # before the first task is asked for
    with pytest.raises(DocloopError, match="stopped"):
        job.run()
    assert there.model_version == "old"


def test_predictions_that_label_studio_drops_are_counted(batches: BatchPredictor) -> None:
    report = push(MemoryLabelStudio({1: set(), 2: set()}, drops=[2]), batches).run()
    assert (report.pushed, report.refused) == (1, 1)


def test_the_version_is_not_set_when_nothing_of_it_was_kept(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio({1: set()}, drops=[1])
    push(there, batches).run()
    assert there.model_version == ""


def test_a_long_push_imports_now_and_then_so_that_annotators_can_begin(batches: BatchPredictor) -> None:
    """Every look at the clock is 15 seconds after the last: an import is due with each batch of 32 tasks, but for the first."""
    ticks = iter(range(0, 10_000, 15))
    there = MemoryLabelStudio({number: set() for number in range(1, 101)})
    report = push(there, batches, clock=lambda: float(next(ticks))).run()
    imports = [len(value) for kind, value in there.calls if kind == "import" and isinstance(value, list)]
    assert sum(imports) == report.pushed == 100
    assert len(imports) > 1
    assert there.calls[1] == ("version", VERSION)
    assert [kind for kind, _ in there.calls].count("version") == 1


def test_progress_ends_at_the_number_of_tasks(batches: BatchPredictor) -> None:
    seen: list[tuple[int, int]] = []
    there = MemoryLabelStudio({1: set(), 2: set()})
    there.urls[2] = "bad"
    job = push(there, batches)
    job.on_progress = lambda report: seen.append((report.done, report.total))
    job.run()
    assert seen[-1] == (2, 2)
