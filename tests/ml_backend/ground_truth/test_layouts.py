"""Documents are put together by what they look like, and those that need documents most come first."""

from __future__ import annotations

from dataclasses import replace

from shops import MANY, harbour, mill

from active_learning.diversity import signature
from ml_backend.document.samples import Sample
from ml_backend.ground_truth.layouts import group, layouts
from ml_backend.store.counts import SignedDocument


def signed(number: int, sample: Sample, edits: int | None = None) -> SignedDocument:
    """A document of our number, open unless it was confirmed."""
    return SignedDocument(number, 100 + number, edits is None, signature(sample.document), edits is not None, edits)


TEAS = [
    harbour("1.2.2026", "3.40"),
    harbour("5.12.2025", "13.40", MANY, "Bob"),
    harbour("8.1.2026", "7.10", waiter="Ada"),
]
FLOUR = [mill("1.2.2026", "3.40"), mill("3.3.2026", "18.00")]


def test_receipts_of_one_shop_are_one_layout() -> None:
    mixed = [TEAS[0], FLOUR[0], TEAS[1], FLOUR[1], TEAS[2]]
    groups = group([signed(number, sample) for number, sample in enumerate(mixed)])
    assert [[one.id for one in some] for some in groups] == [[0, 2, 4], [1, 3]]


def test_the_layout_with_most_corrections_comes_first_and_points_at_an_open_document() -> None:
    found = layouts([signed(5, TEAS[0]), signed(4, TEAS[1], 1), signed(3, FLOUR[0]), signed(2, FLOUR[1], 6)])
    assert [(one.example.task_id, one.documents, one.confirmed, one.open) for one in found] == [
        (103, 2, 1, 1),
        (105, 2, 1, 1),
    ]
    assert [one.edits for one in found] == [(6 + 3.5) / 2, (1 + 3.5) / 2]
    assert found[0].known is not None
    assert found[0].known.id == 2


def test_a_layout_that_nobody_confirmed_is_expected_to_need_what_others_needed() -> None:
    found = layouts(
        [signed(9, FLOUR[0]), *(signed(n, sample, 0) for n, sample in enumerate(TEAS[:2])), signed(3, TEAS[2], 3)]
    )
    assert [(one.example.task_id, one.edits, one.known and one.known.id) for one in found] == [
        (109, 1.0, None),
        (100, 1.0, 0),
    ]


def test_documents_that_were_confirmed_without_a_prediction_are_no_sign_that_predictions_are_right() -> None:
    imported = replace(signed(2, FLOUR[1], 0), edits=None)
    found = layouts([signed(1, FLOUR[0]), imported, signed(3, TEAS[0], 2), signed(4, TEAS[1], 2)])
    assert [(one.example.task_id, one.confirmed, one.open, one.edits) for one in found] == [
        (101, 1, 1, 2.0),
        (103, 2, 0, 2.0),
    ]


def test_a_confirmed_document_that_is_like_no_other_asks_for_nothing() -> None:
    assert layouts([signed(1, FLOUR[0], 4), signed(2, TEAS[0], 4), signed(3, TEAS[1], 0)])[0].documents == 2
    assert layouts([]) == []


def test_where_nobody_had_to_correct_anything_no_layout_needs_documents() -> None:
    assert layouts([signed(1, TEAS[0]), signed(2, TEAS[1], 0)]) == []
    assert layouts([signed(1, TEAS[0]), signed(2, TEAS[1])]) == []


def test_where_all_layouts_need_the_same_none_needs_most() -> None:
    corrected = SignedDocument(9, 9, False, (0.123,) * len(signed(1, TEAS[0]).signature), True, 4.0)
    assert [one.edits for one in layouts([signed(1, TEAS[0]), corrected])] == [4.0]
    assert layouts([signed(1, TEAS[0]), signed(2, FLOUR[0]), corrected]) == []


def test_signatures_of_another_docloop_are_left_out() -> None:
    old = SignedDocument(7, 7, True, (0.5, 0.25), False, None)
    assert [len(some) for some in group([old, signed(1, TEAS[0]), signed(2, TEAS[1])])] == [2]
