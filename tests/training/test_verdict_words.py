"""Figures in a verdict never contradict its words."""

from __future__ import annotations

import pytest

from training.verdict_words import change


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.71, 0.78, ".71 -> .78"),
        (0.9239, 0.9231, ".924 -> .923"),
        (0.9248, 0.9263, ".925 -> .926"),
        (0.5, 0.5, ".50 -> .50"),
        (0.9, 1.0, ".90 -> 1.00"),
    ],
)
def test_two_digits_do_unless_both_sides_are_close(before: float, after: float, said: str) -> None:
    assert change({"champion": {"f1": before}, "challenger": {"f1": after}}) == said
