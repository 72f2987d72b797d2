"""Pulling what changed, over the fake Label Studio, which gives tasks of one time in any order."""

from __future__ import annotations

import pytest
from fake_label_studio import FakeLabelStudio, Fault

from builders import interface_xml
from ml_backend.errors import LabelStudioError
from ml_backend.label_studio.changes import (
    TaskStamp,
    all_stamps,
    just_after,
    predictions,
    pull,
    stamps_since,
    time_text,
)


@pytest.fixture
def fake() -> FakeLabelStudio:
    """11 tasks of a project; 2-8 got one time from a bulk action."""
    made = FakeLabelStudio()
    project = made.add_project("Receipts", interface_xml("total"))
    tasks = made.add_tasks(project, [{"image": f"{n}.png"} for n in range(11)])
    for task in tasks[1:8]:
        made.annotate(task, [])
    made.delete_annotations_of(tasks[1:8])
    return made


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 11, 12, 1000])
def test_every_task_comes_once_in_the_order_of_its_change_whatever_the_page(fake: FakeLabelStudio, size: int) -> None:
    pages = list(stamps_since(fake.client(), 1, "", size))
    found = [stamp for stamps in pages for stamp in stamps]
    assert sorted(stamp.id for stamp in found) == list(range(1, 12))
    assert [stamp.updated_at for stamp in found] == sorted(stamp.updated_at for stamp in found)
    assert {stamp.id for stamp in found[-7:]} == set(range(2, 9))


@pytest.mark.parametrize("size", [2, 1000])
def test_only_what_changed_at_that_time_or_later_comes(fake: FakeLabelStudio, size: int) -> None:
    bulk = time_text(fake.tasks[2].updated_at)
    assert {stamp.id for stamps in stamps_since(fake.client(), 1, bulk, size) for stamp in stamps} == set(range(2, 9))
    assert [stamp for stamps in stamps_since(fake.client(), 1, just_after(bulk), size) for stamp in stamps] == []


def test_a_task_that_changes_while_the_pages_are_asked_for_comes_again(fake: FakeLabelStudio) -> None:
    seen = []
    for number, stamps in enumerate(stamps_since(fake.client(), 1, "", 4)):
        seen += [stamp.id for stamp in stamps]
        if number == 0:
            fake.change_data(seen[0], {"image": "new.png"})
    assert seen.count(seen[0]) == 2
    assert set(seen) == set(range(1, 12))


def test_a_sweep_sees_every_task_that_is_there_all_the_while(fake: FakeLabelStudio) -> None:
    seen = []
    for number, stamps in enumerate(all_stamps(fake.client(), 1, 4)):
        seen += [stamp.id for stamp in stamps]
        if number == 0:
            fake.delete_tasks([1, 6])
    assert seen == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]


def test_whole_tasks_have_their_annotations_and_predictions_only_on_demand(fake: FakeLabelStudio) -> None:
    made = fake.predict(1, [{"id": "a"}], "v1")
    fake.annotate(1, [{"id": "b"}], lead_time=2.5, prediction=made)
    (task,) = pull(fake.client(), 1, [1, 99])
    there = fake.tasks[1]
    assert task.stamp == TaskStamp(1, time_text(there.created_at), time_text(there.updated_at))
    assert task.data == {"image": "0.png"}
    (annotation,) = task.annotations
    assert annotation["result"] == [{"id": "b"}]
    assert (annotation["lead_time"], annotation["parent_prediction"]) == (2.5, made)
    assert predictions(fake.client(), 1, [1, 2])[made]["result"] == [{"id": "a"}]
    with pytest.raises(ValueError, match="at most 100 tasks at once, but it was: 101"):
        pull(fake.client(), 1, range(101))


def test_the_server_tells_its_time_and_how_long_to_wait(fake: FakeLabelStudio) -> None:
    client = fake.client()
    assert (client.server_time, client.retry_after) == (None, 0.0)
    fake.faults.append(Fault("429", seconds=30))
    with pytest.raises(LabelStudioError, match="left alone for a while"):
        client.project(1)
    assert (client.server_time, client.retry_after) == (float(int(fake.now)), 30.0)
    client.project(1)
    assert client.retry_after == 0.0


@pytest.mark.parametrize(
    ("said", "text", "why"),
    [
        ("2026-11-20T13:29:08Z", "2026-11-20T13:29:08.000000Z", "Label Studio leaves a fraction of zero out"),
        ("2026-11-20T13:29:08.973060Z", "2026-11-20T13:29:08.973060Z", "as it is"),
        ("2026-11-20T14:29:08.5+01:00", "2026-11-20T13:29:08.500000Z", "another time zone"),
        (0.25, "1970-01-01T00:00:00.250000Z", "seconds"),
    ],
)
def test_times_have_one_form_that_sorts_as_text(said: str | float, text: str, why: str) -> None:
    assert time_text(said) == text, why


def test_a_task_without_a_time_is_not_of_label_studio(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fake.client()
    monkeypatch.setattr(client, "call", lambda *asked, **more: {"tasks": [{"id": 1, "created_at": "soon"}]})
    with pytest.raises(LabelStudioError) as caught:
        list(all_stamps(client, 1))
    assert caught.value.code == "label_studio_nonsense"
