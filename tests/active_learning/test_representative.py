"""Typical documents before odd ones: the doubt of a document counts by its density."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from active_learning.diversity import SIZE, Profiles, Signature, similarity
from active_learning.representative import POOL, weighed


def paper(kind: int, number: int = 0) -> Signature:
    """A paper of a kind: the kind's numbers but for the last few."""
    common, own = Random(kind), Random(f"{kind}/{number}")
    return (*(round(common.random(), 4) for _ in range(SIZE - 4)), *(round(own.random(), 4) for _ in range(4)))


def test_of_two_that_are_as_doubtful_the_one_like_many_others_comes_first() -> None:
    signatures = [paper(1, number) for number in range(5)] + [paper(2)]
    scores = weighed([0.4] * 6, signatures)
    assert max(scores[:5]) < scores[5]
    assert min(scores) == pytest.approx(0.4)


def test_what_is_open_besides_the_batch_counts_too() -> None:
    alone = weighed([0.4, 0.4], [paper(1), paper(2)])
    assert alone[0] == pytest.approx(alone[1])
    common, odd = weighed([0.4, 0.4], [paper(1), paper(2)], [paper(1, number) for number in range(1, 9)])
    assert common < odd


def test_a_single_document_and_one_without_text_stay_as_they_were() -> None:
    assert weighed([0.3], [paper(1)]) == [pytest.approx(0.3)]
    assert weighed([0.3], [()]) == [0.3]
    assert weighed([], []) == []


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3)), max_size=12), st.randoms())
def test_scores_only_rise_within_0_1_in_whatever_order_the_documents_come(
    rows: list[tuple[float, int]], dice: Random
) -> None:
    documents = [(score, paper(kind, number)) for number, (score, kind) in enumerate(rows)]
    made = dict(zip(documents, weighed([s for s, _ in documents], [p for _, p in documents]), strict=True))
    assert all(score - 1e-12 <= made[score, one] <= 1 for score, one in documents)
    dice.shuffle(documents)
    again = weighed([s for s, _ in documents], [p for _, p in documents])
    assert again == pytest.approx([made[one] for one in documents])


def test_the_table_of_similarities_is_that_of_the_pairs() -> None:
    signatures = [paper(number % 3, number) for number in range(6)] + [(0.0,) * SIZE]
    table = Profiles.of(signatures).table(range(7), Profiles.of(signatures))
    for row, one in enumerate(signatures):
        assert table[row].tolist() == pytest.approx([similarity(one, other) for other in signatures])


def test_thousands_are_weighed_against_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    signatures = [paper(number % 7, number) for number in range(5 * POOL)]
    scores = weighed([0.5] * len(signatures), signatures)
    assert scores == weighed([0.5] * len(signatures), signatures)
    assert all(0.5 <= score < 1 for score in scores)


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        weighed([0.5], [])
