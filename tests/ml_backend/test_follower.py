"""The follower: hints are looked at, and looked at again after an error that may mend itself."""

from __future__ import annotations

import pytest

from ml_backend.errors import ConfigUnsupported, FetchRefused, ImageRejected, LabelStudioError
from ml_backend.follower import Follower
from ml_backend.push import PushReport
from ml_backend.services import Services

PROBLEMS: dict[int, Exception] = {
    8: LabelStudioError("label_studio_refused", "500: database is locked"),
    9: ConfigUnsupported("config_without_image", "no image"),
    10: ZeroDivisionError("a fault of ours"),
}


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def pushed(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The projects pushed to; some have a problem, in 12 a task's image cannot be fetched just now."""
    seen: list[int] = []

    def push(project: int, wait: bool = True) -> PushReport:
        assert wait is False  # a push by hand to one project must not hold up the others
        seen.append(project)
        if project in PROBLEMS:
            raise PROBLEMS[project]
        report = PushReport("v1")
        if project == 12:
            report.failed[1] = FetchRefused("fetch_timeout", "slow")
        if project == 13:
            report.failed[1] = ImageRejected("image_broken", "no picture")
        return report

    monkeypatch.setattr(services, "push", push)
    return seen


@pytest.fixture
def follower(services: Services, now: list[float]) -> Follower:
    return Follower(services, pause=0.01, clock=lambda: now[0])


def test_every_hinted_project_is_pushed_to_once(follower: Follower, services: Services, pushed: list[int]) -> None:
    for project in (7, 3, 7):
        services.hints.leave(project)
    follower.look()
    follower.look()
    assert pushed == [3, 7]


@pytest.mark.parametrize("project", [8, 10])
def test_what_may_mend_itself_is_tried_again_after_a_pause_that_grows(
    follower: Follower, services: Services, pushed: list[int], now: list[float], project: int
) -> None:
    services.hints.leave(project)
    tries = []
    for second in range(0, 120, 5):
        now[0] = float(second)
        follower.look()
        tries += [second] * (len(pushed) - len(tries))
    assert tries == [0, 15, 45, 105]


def test_a_task_that_may_mend_itself_keeps_the_hint_and_holds_up_nobody_for_long(
    follower: Follower, services: Services, pushed: list[int], now: list[float]
) -> None:
    services.hints.leave(12)
    tries = []
    for second in range(0, 100, 5):
        now[0] = float(second)
        follower.look()
        tries += [second] * (len(pushed) - len(tries))
    assert tries == [0, 15, 30, 45, 60, 75, 90]


def test_a_task_that_will_not_mend_itself_finishes_the_hint(
    follower: Follower, services: Services, pushed: list[int], now: list[float]
) -> None:
    services.hints.leave(13)
    follower.look()
    assert services.hints.take() == []


def test_a_full_disk_does_not_end_the_thread(
    follower: Follower, services: Services, pushed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    take, faults = services.hints.take, [OSError(28, "No space left on device")]

    def take_after_a_fault() -> list[int]:
        if faults:
            raise faults.pop()
        return take()

    monkeypatch.setattr(services.hints, "take", take_after_a_fault)
    services.hints.leave(7)
    follower.start()
    while not pushed:
        follower.join(0.01)
        assert follower.is_alive()
    follower.stop()
    follower.join(10)


def test_what_will_not_mend_itself_is_dropped_until_the_project_changes(
    follower: Follower, services: Services, pushed: list[int]
) -> None:
    services.hints.leave(9)
    follower.look()
    assert services.hints.take() == []


def test_one_projects_problem_does_not_keep_the_others(
    follower: Follower, services: Services, pushed: list[int]
) -> None:
    for project in (8, 9, 10, 11):
        services.hints.leave(project)
    follower.look()
    assert pushed == [8, 9, 10, 11]


def test_connected_projects_are_looked_at_without_a_hint_at_the_start_and_every_hour(
    follower: Follower, services: Services, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Connected:
        def projects_with_webhook(self, header: str, secret: str) -> list[int]:
            assert (header, secret) == ("X-Docloop-Secret", "test-secret")
            return [4]

    monkeypatch.setattr(services.access, "client", Connected)
    looks = []
    for now[0] in (0.0, 60.0, 3000.0, 3601.0):
        follower.sweep()
        looks.append(services.hints.take())
    assert looks == [[4], [], [], [4]]


def test_it_runs_until_it_is_stopped(follower: Follower, services: Services, pushed: list[int]) -> None:
    follower.start()
    services.hints.leave(7)
    while not pushed:
        follower.join(0.01)
    follower.stop()
    follower.join(10)
    assert not follower.is_alive()
