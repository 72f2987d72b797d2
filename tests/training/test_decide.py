"""When to train: the rules of the issue, one row each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.decide import Situation, decide, next_at

ROWS = [
    # situation, starts, answered, words in the reason
    (Situation(19), False, False, "19 confirmed documents so far; training starts by itself at 20 (1 more)"),
    (Situation(20), True, False, "The threshold of 20 is reached"),
    (Situation(24, trained=20), False, False, "starts by itself at 30"),
    (Situation(30, trained=20), True, False, "10 more than at the last training"),
    (Situation(119, trained=100), False, False, "at 120 (1 more)"),
    (Situation(120, trained=100), True, False, "20 more than at the last training"),
    (Situation(30, trained=20, running=True), False, False, "running already"),
    (Situation(4, requested_by="Anna"), False, True, "at least 5 are needed"),
    (Situation(1, requested_by="Anna"), False, True, "1 confirmed document;"),
    (Situation(5, requested_by="Anna"), True, True, "below the threshold of 20: expect little"),
    (Situation(25, trained=25, requested_by="Anna"), True, True, "Anna asked to train, with 25 confirmed documents."),
    (Situation(25, requested_by="Anna", running=True), False, False, "kept for when it ends"),
    (Situation(25, trained=24, due=True), True, False, "The scheduled time has come"),
    (Situation(24, trained=24, due=True), False, False, "starts by itself"),
    (Situation(4, due=True), False, False, "starts by itself at 20"),
    (Situation(28, trained=100), False, False, "starts by itself at 120 (92 more)"),
    (Situation(16, trained=5, threshold=500), False, False, "starts by itself at 500"),
]


@pytest.mark.parametrize(("situation", "starts", "answered", "words"), ROWS, ids=lambda value: str(value)[:60])
def test_training_starts_by_the_rules_and_says_why(
    situation: Situation, starts: bool, answered: bool, words: str
) -> None:
    made = decide(situation)
    assert (made.start, made.answered) == (starts, answered)
    assert words in made.reason


@given(samples=st.integers(0, 500), trained=st.integers(0, 500), threshold=st.integers(5, 100))
def test_it_starts_by_itself_exactly_from_the_number_that_it_names(samples: int, trained: int, threshold: int) -> None:
    named = next_at(trained, threshold)
    assert decide(Situation(samples, trained, threshold)).start == (samples >= named)
    assert named >= threshold


def test_a_scheduled_time_that_comes_during_a_training_is_kept() -> None:
    assert decide(Situation(30, trained=20, due=True, running=True)).later
    assert not decide(Situation(30, trained=20, running=True)).later
    assert not decide(Situation(30, trained=29, due=True)).later
