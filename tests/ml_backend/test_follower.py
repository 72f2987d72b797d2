"""The follower: hints are looked at, and looked at again after an error that may mend itself."""

from __future__ import annotations

import pytest

from ml_backend.errors import LabelStudioError
from ml_backend.follower import Follower
from ml_backend.push import PushReport
from ml_backend.services import Services


@pytest.fixture
def pushed(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Projects pushed to; 8 is unreachable, 9 has a labelling interface nobody can serve."""
    seen: list[int] = []

    def push(project: int) -> PushReport:
        seen.append(project)
        if project == 8:
            raise LabelStudioError("label_studio_unreachable", "down")
        if project == 10:
            raise ZeroDivisionError("a fault of ours")
        if project == 9:
            raise LabelStudioError("config_without_image", "no image")
        return PushReport("v1")

    monkeypatch.setattr(services, "push", push)
    return seen


def test_every_hinted_project_is_pushed_to_once(services: Services, pushed: list[int]) -> None:
    for project in (7, 3, 7):
        services.hints.leave(project)
    Follower(services).look()
    Follower(services).look()
    assert pushed == [3, 7]


def test_an_unreachable_label_studio_keeps_the_hint_and_is_left_alone_for_a_while(
    services: Services, pushed: list[int]
) -> None:
    services.hints.leave(8)
    follower = Follower(services)
    follower.look()
    follower.look()
    assert pushed == [8]
    assert services.hints.take() == [8]


def test_what_will_not_mend_itself_is_dropped_until_the_project_changes(services: Services, pushed: list[int]) -> None:
    services.hints.leave(9)
    follower = Follower(services)
    follower.look()
    assert services.hints.take() == []


def test_a_fault_of_ours_ends_neither_the_thread_nor_the_hint(services: Services, pushed: list[int]) -> None:
    services.hints.leave(10)
    services.hints.leave(11)
    Follower(services).look()
    assert (pushed, services.hints.take()) == ([10, 11], [10])


def test_it_runs_until_it_is_stopped(services: Services, pushed: list[int]) -> None:
    follower = Follower(services, pause=0.01)
    follower.start()
    services.hints.leave(7)
    while not pushed:
        follower.join(0.01)
    follower.stop()
    follower.join(10)
    assert not follower.is_alive()
