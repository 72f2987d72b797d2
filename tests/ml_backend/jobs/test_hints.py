"""Hints: many make one, none is lost, a request to train is on disk."""

from __future__ import annotations

from pathlib import Path

from ml_backend.jobs.hints import Hints


def test_many_webhooks_of_a_project_are_one_hint(tmp_path: Path) -> None:
    hints = Hints(tmp_path)
    for project in (7, 7, 3, 7):
        hints.leave(project)
    assert hints.take() == [3, 7]
    assert hints.take() == []


def test_hints_and_training_requests_are_seen_by_another_process(tmp_path: Path) -> None:
    Hints(tmp_path).leave(7)
    Hints(tmp_path).request_training(7)
    Hints(tmp_path).request_training(7)
    other = Hints(tmp_path)
    assert (other.take(), other.training_requests()) == ([7], [7])


def test_files_that_are_no_hints_are_left_alone(tmp_path: Path) -> None:
    hints = Hints(tmp_path)
    (tmp_path / "changed" / ".DS_Store").touch()
    assert hints.take() == []
    assert (tmp_path / "changed" / ".DS_Store").exists()


def test_a_hint_whose_taker_was_killed_is_there_for_the_next_one(tmp_path: Path) -> None:
    hints = Hints(tmp_path)
    hints.leave(7)
    hints.leave(8)
    assert hints.take() == [7, 8]
    hints.finish(8)
    after_the_kill = Hints(tmp_path)
    after_the_kill.recover()
    assert after_the_kill.take() == [7]
