"""What every keeper of hints must do. Each implementation's test class inherits ``HintsContract`` and says how one is opened."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ml_backend.jobs.hints import Hints


class HintsContract:
    """Inherit, and give ``opened`` as a fixture: a function that opens the same hints again, as another process does."""

    @pytest.fixture
    def hints(self, opened: Callable[[], Hints]) -> Hints:
        return opened()

    def test_many_webhooks_of_a_project_are_one_hint(self, hints: Hints) -> None:
        for project in (7, 7, 30, 7):
            hints.leave(project)
        assert hints.take() == [7, 30]
        assert hints.take() == []

    def test_a_hint_is_seen_by_another_process_and_taken_by_one_of_them(
        self, hints: Hints, opened: Callable[[], Hints]
    ) -> None:
        hints.leave(7)
        assert (opened().take(), hints.take()) == ([7], [])

    def test_a_hint_left_while_the_project_is_looked_at_is_there_the_next_time(self, hints: Hints) -> None:
        hints.leave(7)
        assert hints.take() == [7]
        hints.leave(7)
        hints.finish(7)
        assert hints.take() == [7]

    def test_a_hint_whose_taker_was_killed_is_there_for_the_next_one(
        self, hints: Hints, opened: Callable[[], Hints]
    ) -> None:
        for project in (7, 8):
            hints.leave(project)
        assert hints.take() == [7, 8]
        hints.finish(8)
        after_the_kill = opened()
        after_the_kill.recover()
        assert after_the_kill.take() == [7]

    def test_finishing_what_nobody_took_changes_nothing(self, hints: Hints) -> None:
        hints.finish(7)
        hints.recover()
        assert hints.take() == []
