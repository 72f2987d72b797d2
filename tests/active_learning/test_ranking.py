"""The order of asking, its ties, and when to stop."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from active_learning.ranking import TIE, order, separated
from active_learning.selection import select


def test_the_lowest_score_is_asked_first() -> None:
    assert order([0.5, 0.1, 0.9, 0.0], [11, 12, 13, 14]) == [3, 1, 0, 2]


def test_ties_are_drawn_by_seed_and_task_and_can_be_repeated() -> None:
    ids = [*range(100, 120)]
    asked = [ids[row] for row in order([0.5] * 20, ids, seed=1)]
    shuffled = Random(4).sample(ids, 20)
    assert [shuffled[row] for row in order([0.5] * 20, shuffled, seed=1)] == asked
    assert asked not in (ids, [ids[row] for row in order([0.5] * 20, ids, seed=2)])


def test_the_draw_is_the_same_in_every_version_of_docloop() -> None:
    assert order([0.5] * 6, range(6), seed=0) == [3, 5, 4, 2, 0, 1]


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=30), st.integers(0, 9))
def test_separated_scores_need_no_tie_break_to_come_in_the_same_order(scores: list[float], seed: int) -> None:
    ids = range(len(scores))
    pushed = [separated(score, task, seed) for score, task in zip(scores, ids, strict=True)]
    assert sorted(ids, key=lambda row: pushed[row]) == order(scores, ids, seed)
    assert all(0 <= new <= 1 and abs(new - score) <= TIE for new, score in zip(pushed, scores, strict=True))


def test_a_selection_of_documents_without_text_is_the_plain_order_and_all_where_there_are_fewer() -> None:
    assert select([0.5, 0.1, 0.3], [()] * 3, 2) == [1, 2]
    assert select([0.5, 0.1, 0.3], [()] * 3, 9) == [1, 2, 0]
