"""Does the hardest document come first? Asked of a Label Studio in memory that orders as the real one was measured to."""

from __future__ import annotations

import pytest
from fake_label_studio import FakeLabelStudio

from builders import interface_xml
from ml_backend.connect import ensure_sampling
from ml_backend.order import check_order, until_served


@pytest.fixture
def there() -> FakeLabelStudio:
    made = FakeLabelStudio()
    made.add_project("Receipts", interface_xml("total"), "Uncertainty sampling")
    for task, score in zip(made.add_tasks(1, [{"image": "a"}] * 3), (0.9, 0.2, 0.5), strict=True):
        made.predict(task, [], "v1", score)
    return made


def test_the_lowest_score_is_served_and_that_is_said(there: FakeLabelStudio) -> None:
    there.projects[1].model_version = "v1"
    report = check_order(there.client(), 1)
    assert report.hardest_first
    assert "task 2, score 0.20" in report.sentence


def test_another_order_is_explained_with_the_fix(there: FakeLabelStudio) -> None:
    there.projects[1].model_version = "v1"
    there.projects[1].sampling = "Sequential sampling"
    report = check_order(there.client(), 1)
    assert not report.hardest_first
    assert "Settings > Annotation choose Uncertainty sampling" in report.sentence


def test_with_everything_annotated_there_is_nothing_to_check(there: FakeLabelStudio) -> None:
    there.projects[1].model_version = "v1"
    for task in there.tasks_of(1):
        there.annotate(task, [])
    assert check_order(there.client(), 1).sentence.startswith("No open task has a prediction")


def test_it_waits_for_the_first_predictions_but_not_for_ever(there: FakeLabelStudio) -> None:
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            there.projects[1].model_version = "v1"

    assert until_served(there.client(), 1, sleep=sleep, clock=lambda: 0.0)
    there.projects[1].model_version = "docloop"  # the title of a backend: nothing stored is served
    assert not until_served(there.client(), 1, seconds=5, sleep=lambda s: None, clock=iter(range(100)).__next__)


def test_the_sampling_is_set_and_a_refusal_gets_a_view_instead(there: FakeLabelStudio) -> None:
    there.projects[1].sampling = "Sequential sampling"
    assert ensure_sampling(there.client(), 1) == ""
    assert there.projects[1].sampling == "Uncertainty sampling"
