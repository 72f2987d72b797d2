"""Old predictions go: late, a few at a time, docloop's own, of open tasks."""

from __future__ import annotations

import pytest
from fake_label_studio import FakeLabelStudio

from builders import interface_xml
from training.tidy import AT_ONCE, tidy

OLD, BEFORE, NOW, OTHERS = "keywords-1.aaaaaaaa", "fields-1.aaaaaaaa", "fields-2.aaaaaaaa", "somebody-else"


@pytest.fixture
def there() -> FakeLabelStudio:
    made = FakeLabelStudio()
    made.add_project("Receipts", interface_xml("total"))
    for task in made.add_tasks(1, [{"image": "a"}] * 3):
        for version in (OLD, BEFORE, NOW, OTHERS):
            made.predict(task, [], version)
    return made


def versions(there: FakeLabelStudio, task: int) -> list[str]:
    return [one.model_version for one in there.predictions.values() if one.task == task]


def test_the_current_version_the_one_before_and_other_programs_stay(there: FakeLabelStudio) -> None:
    assert tidy(there.client(), 1, {BEFORE, NOW}) == 3
    assert all(versions(there, task) == [BEFORE, NOW, OTHERS] for task in there.tasks_of(1))
    assert tidy(there.client(), 1, {BEFORE, NOW}) == 0


def test_an_annotated_task_is_left_alone(there: FakeLabelStudio) -> None:
    there.annotate(2, [])
    tidy(there.client(), 1, {BEFORE, NOW})
    assert versions(there, 2) == [OLD, BEFORE, NOW, OTHERS]


def test_a_turn_takes_only_so_many(there: FakeLabelStudio) -> None:
    for task in there.add_tasks(1, [{"image": "a"}] * AT_ONCE):
        there.predict(task, [], OLD)
    assert tidy(there.client(), 1, {BEFORE, NOW}) == AT_ONCE
    assert tidy(there.client(), 1, {BEFORE, NOW}) == 3
