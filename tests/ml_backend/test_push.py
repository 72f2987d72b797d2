"""Push mode, against a Label Studio in memory that behaves as the real one was measured to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from builders import interface, interface_xml, predictor
from ml_backend.batches import BatchPredictor
from ml_backend.errors import FetchRefused
from ml_backend.label_studio.client import Project, TaskRow
from ml_backend.push import Push


class MemoryLabelStudio:
    """One project. ``drops`` are task ids whose predictions it silently leaves out, with a 201."""

    def __init__(self, rows: Sequence[TaskRow], model_version: str = "", drops: Sequence[int] = ()) -> None:
        self.rows = {row.id: row for row in rows}
        self.model_version = model_version
        self.drops = drops
        self.calls: list[tuple[str, object]] = []

    def project(self, project_id: int) -> Project:
        return Project(project_id, f"{project_id}.1", "Receipts", interface_xml("total"), self.model_version)

    def tasks(self, project_id: int) -> Iterator[TaskRow]:
        yield from list(self.rows.values())

    def import_predictions(self, project_id: int, bodies: Sequence[Mapping[str, Any]]) -> int:
        self.calls.append(("import", [body["task"] for body in bodies]))
        kept = [body for body in bodies if body["task"] not in self.drops]
        for body in kept:
            row = self.rows[body["task"]]
            self.rows[row.id] = TaskRow(row.id, row.data, row.versions | {body["model_version"]})
        return len(kept)

    def set_model_version(self, project_id: int, version: str) -> None:
        self.calls.append(("version", version))
        self.model_version = version


def row(identity: int, *versions: str, url: str = "a") -> TaskRow:
    return TaskRow(identity, {"image": f"{url}{identity}"}, frozenset(versions))


@pytest.fixture
def batches() -> Iterator[BatchPredictor]:
    def fetch(url: str, task: int) -> bytes:
        if "bad" in url:
            raise FetchRefused("url_scheme_refused", "no")
        return url.encode()

    made = BatchPredictor(predictor(fetch), workers=2)
    yield made
    made.close()


def push(label_studio: MemoryLabelStudio, batches: BatchPredictor, clock: Callable[[], float] = lambda: 0.0) -> Push:
    return Push(label_studio, batches, interface("total"), 5, clock=clock)  # type: ignore[arg-type]  # the twin


def test_only_tasks_without_a_current_prediction_are_pushed_in_one_request(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio([row(1), row(2, "whole-1"), row(3, "old")], "old")
    report = push(there, batches).run()
    assert there.calls == [("import", [1, 3]), ("version", "whole-1")]
    assert (report.pushed, report.current, report.total, report.failed, report.refused) == (2, 1, 3, {}, 0)


def test_pushing_again_does_nothing(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio([row(1)])
    push(there, batches).run()
    there.calls.clear()
    assert push(there, batches).run().done == 1
    assert there.calls == []


def test_a_model_version_that_is_the_backends_title_is_set_back(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio([row(1, "whole-1")], "docloop")
    push(there, batches).run()
    assert there.calls == [("version", "whole-1")]


def test_a_task_that_fails_is_reported_and_the_others_are_pushed(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio([row(1), row(2, url="bad"), row(3)])
    report = push(there, batches).run()
    assert there.calls[0] == ("import", [1, 3])
    assert {task: error.code for task, error in report.failed.items()} == {2: "url_scheme_refused"}


def test_predictions_that_label_studio_drops_are_counted(batches: BatchPredictor) -> None:
    report = push(MemoryLabelStudio([row(1), row(2)], drops=[2]), batches).run()
    assert (report.pushed, report.refused) == (1, 1)


def test_the_version_is_not_set_when_nothing_of_it_was_kept(batches: BatchPredictor) -> None:
    there = MemoryLabelStudio([row(1)], drops=[1])
    push(there, batches).run()
    assert there.model_version == ""


def test_a_long_push_imports_now_and_then_so_that_annotators_can_begin(batches: BatchPredictor) -> None:
    """Every look at the clock is 15 seconds after the last: an import is due with each batch of 32 tasks, but for the first."""
    ticks = iter(range(0, 10_000, 15))
    there = MemoryLabelStudio([row(number) for number in range(1, 101)])
    report = push(there, batches, clock=lambda: float(next(ticks))).run()
    imports = [len(value) for kind, value in there.calls if kind == "import" and isinstance(value, list)]
    assert sum(imports) == report.pushed == 100
    assert len(imports) > 1
    assert there.calls[1] == ("version", "whole-1")


def test_progress_ends_at_the_number_of_tasks(batches: BatchPredictor) -> None:
    seen: list[tuple[int, int]] = []
    job = push(MemoryLabelStudio([row(1), row(2, url="bad")]), batches)
    job.on_progress = lambda report: seen.append((report.done, report.total))
    job.run()
    assert seen[-1] == (2, 2)
