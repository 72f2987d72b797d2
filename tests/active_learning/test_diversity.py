"""Which documents look alike, and how near-duplicates are moved back."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.diversity import SIZE, Signature, signature, similarity
from active_learning.ranking import order
from active_learning.selection import select
from active_learning.spreading import ALIKE, spread
from builders import page, word
from ml_backend.document.elements import Document, Word

BAKERY = [
    "Sunrise Bakery and Coffee House Ltd", "12 Mill Lane Oxford near the old station", "phone 01865 4411 and mobile",
    "registered in England and Wales", "tax invoice for the customer", "item quantity price amount",
    "thank you for visiting our house", "opening hours daily except on sunday", "goods sold are not returnable",
]  # fmt: skip
GARAGE = [
    "Hendrik Motors", "Industrial estate west of Utrecht", "workshop for cars and spare parts", "chamber of commerce number",
    "invoice to be paid by transfer", "work hours material sum", "payable within two weeks without deduction",
    "bank Utrecht branch", "guarantee on all repairs",
]  # fmt: skip
BREAD = ["brown bread 2.40", "rolls 1.10", "total 3.50"]
CAKE = ["apple pie 3.20", "butter cake 4.00", "coffee 2.10", "total 9.30"]


def receipt(head: list[str], items: list[str]) -> Document:
    words: list[Word] = []
    for line, text in enumerate(head[:6] + items + head[6:]):
        for place, part in enumerate(text.split()):
            left, top = 0.1 + 0.12 * place, 0.05 + 0.03 * line
            words.append(word(part, left, top, left + 0.1, top + 0.02, line=line))
    return Document((page(*words),))


def made_up(count: int, seed: int = 1) -> list[Signature]:
    """Signatures that are like no other."""
    random = Random(seed)
    return [tuple(round(random.random(), 4) for _ in range(SIZE)) for _ in range(count)]


def test_papers_of_one_shop_are_alike_and_those_of_different_shops_are_not() -> None:
    bread, cake, repair = (signature(receipt(*parts)) for parts in ((BAKERY, BREAD), (BAKERY, CAKE), (GARAGE, BREAD)))
    assert similarity(bread, bread) == 1.0
    assert similarity(bread, cake) == similarity(cake, bread) > 0.7
    assert similarity(bread, repair) < 0.4


def test_a_signature_is_64_numbers_in_0_1() -> None:
    numbers = signature(receipt(BAKERY, BREAD))
    assert len(numbers) == SIZE == 64
    assert all(0 <= number <= 1 for number in numbers)


@pytest.mark.parametrize("words", [(), (word("---"),)])
def test_a_document_without_text_is_like_no_other_not_even_itself(words: tuple[Word, ...]) -> None:
    nothing = signature(Document((page(*words),)))
    assert nothing == ()
    assert similarity(nothing, nothing) == 0.0
    assert spread([0.1, 0.1], [nothing, nothing], [1, 2]) == [0.1, 0.1]


def test_signatures_are_the_same_in_every_process_and_version() -> None:
    """Those that are stored stay comparable; a change here needs another model version."""
    numbers = signature(Document((page(word("Sunrise"), word("Bäckerei", line=1)),)))
    assert numbers[:2] + numbers[24:27] + numbers[48:51] == (0.1, 0.0, 0.626, 0.0811, 0.5701, 0.3643, 0.269, 0.1545)


def test_of_30_copies_of_the_hardest_document_one_is_asked_before_and_29_after_the_others() -> None:
    copied, *others = made_up(11)
    signatures = [copied] * 30 + others
    scores = [0.02] * 30 + [0.1 * number for number in range(1, 11)]
    pushed = spread(scores, signatures, range(40))
    asked = order(pushed, range(40))
    assert asked[0] < 30
    assert asked[1:10] == [*range(30, 39)]
    assert [pushed[row] for row in asked[10:]] == [1.0] * 30
    chosen = select(scores, signatures, 10)
    assert chosen[0] < 30
    assert set(chosen[1:]) <= set(range(30, 40))


def test_a_paper_of_the_same_shop_is_moved_back_a_little_and_a_copy_to_the_end() -> None:
    bread, cake = signature(receipt(BAKERY, BREAD)), signature(receipt(BAKERY, CAKE))
    first, copy, other = spread([0.2, 0.3, 0.3], [bread, bread, cake], [1, 2, 3])
    excess = (similarity(bread, cake) - ALIKE) / (1 - ALIKE)
    assert (first, copy) == (0.2, 1.0)
    assert other == pytest.approx(0.3 + 0.7 * excess)
    assert 0.3 < other < 0.7


@pytest.mark.parametrize(
    ("before", "pushed", "why"),
    [(0.2, 1.0, "asked before"), (0.3, 1.0, "asked at the same score"), (0.4, 0.3, "asked later")],
)
def test_documents_pushed_earlier_count_when_they_are_asked_before(before: float, pushed: float, why: str) -> None:
    (one,) = made_up(1)
    assert spread([0.3], [one], [1], [(before, one), (0.0, ())]) == [pushed], why


def test_a_document_that_was_moved_back_moves_no_other_back() -> None:
    """The second is near the first, the third near the second only."""
    (first,) = made_up(1)
    second = tuple(1 - number if i in range(24, 33) else number for i, number in enumerate(first))
    third = tuple(1 - number if i in range(24, 42) else number for i, number in enumerate(first))
    assert similarity(first, second) == similarity(second, third) == pytest.approx(0.85)
    assert similarity(first, third) < ALIKE
    scores = spread([0.1, 0.2, 0.3], [first, second, third], [1, 2, 3])
    assert scores == [0.1, pytest.approx(0.2 + 0.8 * 0.4), 0.3]


@pytest.mark.parametrize(
    ("signatures", "ids"), [([(0.5,) * 3], [1]), ([(0.5,) * SIZE], [1, 2]), ([(0.5,) * SIZE, (0.5,) * 3], [1, 2])]
)
def test_what_does_not_fit_together_is_refused(signatures: list[Signature], ids: list[int]) -> None:
    with pytest.raises(ValueError, match=r"do not belong together|64 numbers"):
        spread([0.5] * len(signatures), signatures, ids)


POOL = made_up(6)
NEAR = [tuple(1 - n if i in range(24, 24 + k) else n for i, n in enumerate(POOL[0])) for k in (1, 4, 8)]
batches = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]) | st.floats(0, 1), st.sampled_from([*POOL, *NEAR, ()])),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(batches, batches, st.randoms(use_true_random=False))
def test_scores_only_rise_within_0_1_in_whatever_order_the_documents_come(
    batch: list[tuple[float, Signature]], earlier: list[tuple[float, Signature]], random: Random
) -> None:
    def pushed(rows: list[int]) -> dict[int, float]:
        scores, signatures = [batch[row][0] for row in rows], [batch[row][1] for row in rows]
        return dict(zip(rows, spread(scores, signatures, rows, earlier, seed=3), strict=True))

    rows = [*range(len(batch))]
    shuffled = random.sample(rows, len(rows))
    result = pushed(rows)
    assert pushed(shuffled) == result
    assert all(batch[row][0] <= result[row] <= 1 for row in rows)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=200))
def test_without_near_duplicates_nothing_changes(scores: list[float]) -> None:
    assert spread(scores, made_up(len(scores)), range(len(scores))) == scores


def test_a_batch_of_many_chunks_gives_what_the_rule_says_one_by_one() -> None:
    random = Random(5)
    kinds = made_up(20, seed=2)
    signatures = [
        tuple(random.random() if random.random() < 0.12 else n for n in random.choice(kinds)) for _ in range(200)
    ]
    scores = [round(random.random(), 2) for _ in range(200)]
    kept: list[Signature] = []
    expected = dict.fromkeys(range(200), 0.0)
    for row in order(scores, range(200)):
        near = max((s for one in kept if (s := similarity(one, signatures[row])) >= ALIKE), default=None)
        if near is None:
            kept.append(signatures[row])
        expected[row] = scores[row] + (1 - scores[row]) * ((near or ALIKE) - ALIKE) / (1 - ALIKE)
    assert 20 < len(kept) < 180
    assert spread(scores, signatures, range(200)) == pytest.approx([*expected.values()])
